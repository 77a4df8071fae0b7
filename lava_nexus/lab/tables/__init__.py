"""Tables of circuits and of orders of sums, and what is published."""
