"""Writes the record of the cases as a GPU answers them: python -m tests.execute.cuda RECORD."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.cuda import machine
from lava_nexus.cli import run_guarded
from lava_nexus.execute.cuda import CudaExecutor
from tests.execute.cuda.cases import cases, record


def main(file: Path) -> None:
    """Asks the GPU, and writes."""
    found = {name: record(case, CudaExecutor("activity")) for name, case in cases()}
    file.write_text(json.dumps({"machine": machine(), "count": "activity", "cases": found}, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path, help="JSON file to write")
    given = parser.parse_args()
    run_guarded(lambda: main(given.record))
