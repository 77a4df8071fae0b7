"""Runs decoders by themselves core by core in Lava, and takes the table into docs/: [--quick] [--smallest]."""

import argparse
from pathlib import Path

from lava_nexus.documents import read_text
from lava_nexus.files import write_text
from lava_nexus.lab.pages import filled
from lava_nexus.lab.runs.autonomous_cores import in_lava
from lava_nexus.progress import say

PAGE = Path(__file__).parents[1] / "docs" / "autonomous.md"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the smallest decoder, vectorised; docs/ stays as it is")
    parser.add_argument("--smallest", action="store_true", help="the smallest decoder alone")
    asked = parser.parse_args()
    table = in_lava(["vectorised"] if asked.quick else ["vectorised", "lif"], not asked.quick and not asked.smallest)
    say(table)
    if not asked.quick:
        write_text(PAGE, filled(read_text(PAGE, "page"), "lava", lambda: table, "docs/autonomous.md"))
