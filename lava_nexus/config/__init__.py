"""Top floor: what to run, read from YAML."""
