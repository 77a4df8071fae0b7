"""Linear layers in synapses: step by step, by the digits of their sums, or by exact integers."""
