"""How word programs that ship are made and proved: circuits of look-up cells, a logic optimiser, proofs of equality."""
