"""Networks as look-ups of three inputs in an order of execution: what every backend of word logic starts from."""
