"""Operators of LIF populations beside published errors: scripts/nls_tables.py configs/nls_tables.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("nls")
