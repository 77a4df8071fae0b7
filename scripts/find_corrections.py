"""Finds the inputs that rounding="correct" has a neuron each for: see configs/corrections.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("corrections")
