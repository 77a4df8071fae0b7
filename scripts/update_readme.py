"""Takes reports of runs into README.md and docs/: python scripts/update_readme.py results/digits [FOLDER ...]."""

from pathlib import Path

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("readme", "--root", str(Path(__file__).parents[1]))
