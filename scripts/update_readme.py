"""Takes the report of a run into README.md and docs/: python scripts/update_readme.py results/digits [RESULTS ...]."""

from __future__ import annotations

import sys
from pathlib import Path

from lava_nexus.errors import NexusError
from lava_nexus.reports.readme import update_readme
from lava_nexus.tables.energy.pages import update_energy_pages

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python scripts/update_readme.py FOLDER_OF_A_RUN ...")
    try:
        for folder in map(Path, sys.argv[1:]):
            update = update_energy_pages if (folder / "energy.json").is_file() else update_readme
            update(folder, Path(__file__).resolve().parents[1])
    except NexusError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
