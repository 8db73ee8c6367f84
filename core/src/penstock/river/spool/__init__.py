"""What waits in files: a journal that outlives its process, and is delivered by the next one."""
