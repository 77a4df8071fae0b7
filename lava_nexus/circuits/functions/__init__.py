"""Elementary functions: fixed-point programs, run on integers and as neurons."""
