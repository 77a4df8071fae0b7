"""Spiking networks that a user would otherwise pick, trained here, for tables that compare."""
