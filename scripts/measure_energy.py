"""Energy from counts, beside what is published: python scripts/measure_energy.py configs/energy/nexus_table.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("energy")
