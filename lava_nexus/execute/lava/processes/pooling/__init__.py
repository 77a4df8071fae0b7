"""Process `Pooling`: a mean over tokens."""
