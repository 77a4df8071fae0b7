"""What a YAML file of each experiment holds."""
