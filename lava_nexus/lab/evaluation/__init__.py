"""Perplexity and multiple-choice tasks."""
