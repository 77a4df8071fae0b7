"""Process `Linear`: a matrix product."""
