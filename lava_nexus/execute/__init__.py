"""Executors: the same program by golden functions, word logic, membranes, Lava or a chip."""
