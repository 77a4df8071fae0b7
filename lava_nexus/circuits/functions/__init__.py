"""Functions of one operand as fixed-point programs, built of neurons or evaluated in integers.

A program (`exponential`, `gated`, `odd`, `logarithm`, `reciprocal_root`, `trigonometric`) uses the operations of
`integers` alone, which `build` makes of neurons and `evaluate` and `multi_limb` compute; `function` unpacks the operand
and rounds the result. Polynomials are those of `piecewise`, fitted by `fitting` to the functions of `real`.
"""
