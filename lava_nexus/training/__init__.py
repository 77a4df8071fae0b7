"""Training with the forward pass computed by gates, beside the same training in strict float and other baselines."""
