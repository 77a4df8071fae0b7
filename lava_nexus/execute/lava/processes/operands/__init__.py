"""Process `Operands`: operand sets to a population network."""
