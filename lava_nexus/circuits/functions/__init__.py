"""Functions of one operand as fixed-point programs, built of neurons or evaluated in integers."""
