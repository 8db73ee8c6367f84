"""The assembly, a TOML file's journey until it is a river: config -> plugins -> compose -> runtime."""
