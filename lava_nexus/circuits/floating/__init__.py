"""Floating-point circuits: operands taken apart, the operations, and the one rounder."""
