"""What differs between two runs: python scripts/compare_reports.py results/a results/b."""

from __future__ import annotations

import argparse
from pathlib import Path

from lava_nexus.lab.command_line import run_guarded
from lava_nexus.lab.compare import differences, differences_table, read_report


def main() -> int:
    """Prints the table; 0 where nothing differs, 1 where something does."""
    parser = argparse.ArgumentParser(
        description="Prints what differs between two runs. Exit codes: 0 nothing, 1 something, 2 a mistake."
    )
    parser.add_argument("a", type=Path, help="JSON report, or the folder of a run")
    parser.add_argument("b", type=Path, help="another")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="PATTERN",
        help="keys that may differ, for example '*seconds*' or 'config.*'",
    )
    arguments = parser.parse_args()
    found = differences(read_report(arguments.a), read_report(arguments.b), arguments.ignore)
    print(differences_table(found, str(arguments.a), str(arguments.b)) if found else "no differences")
    return 1 if found else 0


if __name__ == "__main__":
    run_guarded(main)
