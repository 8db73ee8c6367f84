"""What waits in memory: a bounded store that threads fill without a lock."""
