"""Tables of measured figures beside published ones. Each function reads a config, measures, and writes a report."""
