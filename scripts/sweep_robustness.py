"""Leak, noise, spread, faults and cures: python scripts/sweep_robustness.py configs/robustness/*.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("robustness")
