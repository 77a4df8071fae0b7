"""Native sums on a GPU: numbers taken apart, their parts multiplied as matrices, digits a thread a sum."""
