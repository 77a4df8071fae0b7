"""Figures of reports, as PNG."""
