"""Takes reports of runs into README.md and docs/: python scripts/update_readme.py results/digits [FOLDER ...]."""

from __future__ import annotations

import argparse
from pathlib import Path

from lava_nexus.lab.command_line import run_guarded
from lava_nexus.lab.energy.pages import update_energy_pages
from lava_nexus.lab.pages import update_readme


def main() -> int:
    """Updates the pages of each run."""
    parser = argparse.ArgumentParser(description="Takes reports and figures of runs into README.md and docs/.")
    parser.add_argument("results", nargs="+", type=Path, help="folder of a run of the digits or of the energy table")
    for folder in parser.parse_args().results:
        update = update_energy_pages if (folder / "energy.json").is_file() else update_readme
        update(folder, Path(__file__).resolve().parents[1])
    return 0


if __name__ == "__main__":
    run_guarded(main)
