"""Process `Decoder`: spikes to results."""
