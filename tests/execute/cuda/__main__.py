"""Writes the record of the cases as a GPU answers them: python -m tests.execute.cuda RECORD."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.cuda import machine
from lava_nexus.execute.cuda import CudaExecutor
from tests.execute.cuda.cases import cases, record

found = {name: record(case, CudaExecutor("activity")) for name, case in cases()}
Path(sys.argv[1]).write_text(json.dumps({"machine": machine(), "count": "activity", "cases": found}, indent=1) + "\n")
