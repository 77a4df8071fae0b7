"""Runs that verify and prove, and their tables."""
