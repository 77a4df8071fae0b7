"""Transformers: specs, tensors, architectures and the forward pass."""
