"""Process `Norm`: RMSNorm."""
