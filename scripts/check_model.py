"""Says what a checkpoint is, what of it would run, and at what cost: python scripts/check_model.py FOLDER."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("check")
