"""Process `Network`: any threshold network."""
