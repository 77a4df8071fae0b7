"""Circuits on a Loihi 2 chip, by Intel's extension of Lava."""
