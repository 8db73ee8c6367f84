"""Configurations to begin with, for `penstock init`: each is a file, readable from top to bottom."""
