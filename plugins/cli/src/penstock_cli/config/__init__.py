"""The commands `penstock config`: a configuration as it is in effect, and its file."""
