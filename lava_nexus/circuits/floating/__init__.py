"""Floating-point operations for every format, with one rounder."""
