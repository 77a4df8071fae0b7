"""Runs a model as integrate-and-fire logic and writes a report: python scripts/run_block.py configs/digits.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("run")
