"""Holds circuits against their references, by exhaustion or sample: python scripts/verify.py configs/verify/*.yaml."""

from lava_nexus.cli import main

if __name__ == "__main__":
    main("verify")
