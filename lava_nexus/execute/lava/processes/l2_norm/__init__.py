"""Process `L2Norm`: a tree of CORDIC steps."""
