"""Trains the digits transformer: python scripts/train_digits.py configs/train_digits.yaml [--forward gates]."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("train")
