"""Runs of models, mappings and exports, with their reports."""
