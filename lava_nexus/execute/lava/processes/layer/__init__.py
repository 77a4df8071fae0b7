"""Process `Layer`: any part of a program."""
