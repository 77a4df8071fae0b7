"""Golden functions: what circuits must equal."""
