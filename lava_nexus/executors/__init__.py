"""Executors of circuits and programs: reference, bit-sliced, membrane, Lava."""
