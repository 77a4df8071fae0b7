"""Holds circuits against their references, by exhaustion or sample: python scripts/verify.py configs/verify/*.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("verify")
