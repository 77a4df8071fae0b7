"""Questions to an SMT solver: is a circuit equal to floating point on all operands?"""
