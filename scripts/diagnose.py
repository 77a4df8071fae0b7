"""What to look at first where something is wrong: python scripts/diagnose.py configs/diagnose.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("diagnose")
