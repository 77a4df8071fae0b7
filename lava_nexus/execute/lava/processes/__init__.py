"""Lava Processes, one folder each holding only process.py and models.py, because Lava executes every file in it."""
