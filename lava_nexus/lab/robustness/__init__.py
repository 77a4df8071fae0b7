"""Leak, noise, spread, faults and cures."""
