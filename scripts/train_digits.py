"""Trains the digits transformer: python scripts/train_digits.py configs/train_digits.yaml [--forward gates]."""

from lava_nexus.cli import main

if __name__ == "__main__":
    main("train")
