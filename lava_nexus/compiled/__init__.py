"""Element-wise integer functions written in NumPy, recorded once and compiled to machine code."""
