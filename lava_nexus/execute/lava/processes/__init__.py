"""Lava Processes, each with its models in one module; see `process.py` for why they have a folder of their own."""
