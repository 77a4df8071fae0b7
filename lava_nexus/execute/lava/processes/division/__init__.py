"""Process `Division`: a ladder of thresholds."""
