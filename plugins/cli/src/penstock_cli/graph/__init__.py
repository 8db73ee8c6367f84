"""The command `penstock graph`: the river as configured, as a picture."""
