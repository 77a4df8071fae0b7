"""Networks as word operations on numbered slots."""
