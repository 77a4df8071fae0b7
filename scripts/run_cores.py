"""Runs a block of d = 8 core by core, and takes the tables into docs/: python scripts/run_cores.py [--quick]."""

import argparse
from pathlib import Path

from lava_nexus.cli import run_guarded
from lava_nexus.documents import read_text
from lava_nexus.files import write_text
from lava_nexus.lab.pages import filled
from lava_nexus.lab.runs.cores import core_by_core
from lava_nexus.progress import say

ROOT = Path(__file__).parents[1]


def main(levels: list[str], quick: bool) -> None:
    """Runs, says the tables and takes them into the page."""
    page = core_by_core(levels, None if quick else ROOT / "docs" / "images", quick)
    say(page)
    if not quick:
        mapping = ROOT / "docs" / "mapping.md"
        write_text(mapping, filled(read_text(mapping, "page"), "cores", lambda: page, "docs/mapping.md"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", nargs="+", default=["vectorised", "lif"], help="vectorised, lif")
    parser.add_argument("--quick", action="store_true", help="a smaller block; docs/ stays as it is")
    asked = parser.parse_args()
    run_guarded(lambda: main(asked.levels, asked.quick))
