"""Process `TensorEncoder`: tensors to spikes."""
