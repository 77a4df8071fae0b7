"""Linear layers in synapses: exact sums of products from digits in time, limbs with delays and neurons that carry."""
