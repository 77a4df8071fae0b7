"""Process `Residual`: x + change."""
