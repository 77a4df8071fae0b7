"""Real text by a real decoder: fast plain arithmetic, held equal to executors by tests, and what it is used for."""
