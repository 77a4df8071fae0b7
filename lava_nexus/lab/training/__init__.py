"""Training by gates, and what stands beside it."""
