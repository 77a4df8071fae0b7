"""What to look at first where something is wrong: python scripts/diagnose.py configs/diagnose.yaml."""

from lava_nexus.cli import main

if __name__ == "__main__":
    main("diagnose")
