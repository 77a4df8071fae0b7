"""What is measured, each a script of its own."""
