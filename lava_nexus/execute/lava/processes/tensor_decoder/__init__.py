"""Process `TensorDecoder`: spikes to tensors."""
