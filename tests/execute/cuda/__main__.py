"""Writes the record of the cases as a GPU answers them: python -m tests.execute.cuda RECORD."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.cuda import machine
from lava_nexus.cli import run_guarded
from lava_nexus.execute.cuda import CudaExecutor
from tests.execute.cuda.cases import cases, record


def main(file: Path, begin: str) -> None:
    """Asks the GPU, and writes; cases whose names begin otherwise stay as recorded."""
    found = json.loads(file.read_text())["cases"] if begin else {}
    found |= {name: record(case, CudaExecutor("activity")) for name, case in cases() if name.startswith(begin)}
    file.write_text(json.dumps({"machine": machine(), "count": "activity", "cases": found}, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path, help="JSON file to write")
    parser.add_argument("--only", default="", help="cases whose names begin so; the others stay as recorded")
    given = parser.parse_args()
    run_guarded(lambda: main(given.record, given.only))
