"""Proves circuits equal to SMT-LIB floating point: python scripts/prove.py configs/proofs/basic.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("prove")
