"""Process `Activation`: a non-linear function."""
