"""ULP tables of layers and operations beside published: python scripts/ulp_tables.py configs/ulp_components.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("ulp")
