"""Energy from counts, beside what is published."""
