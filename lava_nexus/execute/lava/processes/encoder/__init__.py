"""Process `Encoder`: operands to spikes."""
