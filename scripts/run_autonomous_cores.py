"""Decoders by themselves, core by core in Lava and in several formats, into docs/: [--quick] [--only TABLE]."""

import argparse
from pathlib import Path

from lava_nexus.cli import run_guarded
from lava_nexus.documents import read_text
from lava_nexus.files import write_text
from lava_nexus.lab.pages import filled
from lava_nexus.lab.runs.autonomous_cores import in_formats, in_lava
from lava_nexus.progress import say

PAGE = Path(__file__).parents[1] / "docs" / "autonomous.md"


def _lava() -> str:
    return in_lava(["vectorised", "lif"], whole=True)


TABLES = {"lava": _lava, "formats": in_formats}


def main(quick: bool, only: str | None) -> None:
    """Runs and takes the tables into the page, or says the smallest one."""
    if quick:
        say(in_lava(["vectorised"], whole=False))
    for name in [] if quick else [only] if only else TABLES:
        page = filled(read_text(PAGE, "page"), name, TABLES[name], "docs/autonomous.md")
        write_text(PAGE, page)
        say(page.partition(f"<!-- {name}: begin -->")[2].partition("<!--")[0])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the smallest decoder, vectorised; docs/ stays as it is")
    parser.add_argument("--only", choices=sorted(TABLES), help="one table alone")
    asked = parser.parse_args()
    run_guarded(lambda: main(asked.quick, asked.only))
