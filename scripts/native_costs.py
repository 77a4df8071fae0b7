"""What exact layers in the chip's own synapses cost: python scripts/native_costs.py configs/native/costs.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("native")
