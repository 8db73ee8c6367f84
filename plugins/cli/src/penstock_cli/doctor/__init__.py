"""The command `penstock doctor`: what a supporter asks first, answered at once."""
