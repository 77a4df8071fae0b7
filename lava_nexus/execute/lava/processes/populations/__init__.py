"""Process `Populations`: any population network."""
