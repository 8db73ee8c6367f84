"""penstock pipe: lines of other programs, brought into the river with their own time, level, name and pid."""
