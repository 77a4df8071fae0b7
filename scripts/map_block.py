"""Maps a block or a model onto Loihi 2: python scripts/map_block.py configs/map_block_d256.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("map")
