"""Process `Probe`: watches neurons."""
