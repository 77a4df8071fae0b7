"""Runs one linear layer as Lava's LIF neurons: python scripts/run_linear_lif.py configs/linear_lif.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("linear-lif")
