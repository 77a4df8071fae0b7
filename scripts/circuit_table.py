"""Counts what every circuit is made of and does: python scripts/circuit_table.py configs/circuit_table.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("circuits")
