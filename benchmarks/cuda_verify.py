"""Verification and sampled counts on a GPU: seconds of each check, its kernels on disk; speeds and errors of samples.

Checks are those of the configs, by the code of `lava-nexus verify`, run twice into folders of their own: the first run
lowers and compiles what is not on disk, the second is recorded.

Usage: python -m benchmarks.cuda_verify [--configs configs/verify/bfloat16_pairs.yaml ...] [--operations add mul ...]
    [--sampled] [--record lava_nexus/energy/records/cuda_verify.json] [--quick]

As a module, as `benchmarks.cuda` says.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cuda import gpu_there, layer, operation
from lava_nexus.cli import run_guarded
from lava_nexus.config import load_config
from lava_nexus.execute.cuda.device import machine
from lava_nexus.formats import BFLOAT16, FLOAT32
from lava_nexus.lab.configs.verification import VerifyConfig, VerifyJob
from lava_nexus.lab.verification.checks import verify
from lava_nexus.verify.real_functions import FUNCTIONS

Row = dict[str, Any]

CONFIGS = Path(__file__).parents[1] / "configs" / "verify"
WHOLE = [CONFIGS / f"{name}.yaml" for name in ("bfloat16_pairs", "float16_pairs", "float32_functions")]
LAYERS = [(FLOAT32, (64, 1024, 32768)), (BFLOAT16, (64, 1024, 32768)), (FLOAT32, (128, 1024, 3072))]
OPERATIONS = [("add", 1 << 28), ("exp", 1 << 26)]


def narrowed(job: VerifyJob, operations: Sequence[str]) -> VerifyJob | None:
    """The operations of a job that are to be run; None for none, and for what does not try all sets of 2^32."""
    kept: Any = job.operations
    if operations:
        among = FUNCTIONS if job.operations == "functions" else job.operations
        kept = tuple(name for name in operations if name in among)
    wide = job.formats == ("float32",) or job.operands is None
    if job.inputs != "exhaustive" or job.check != "gates" or not wide or not kept:
        return None
    return job.model_copy(update={"operations": kept, "bases": ("threshold",)})


def verified(path: Path, operations: Sequence[str], quick: bool) -> list[Row]:
    """The checks of a config that try 2^32 operand sets each, on the GPU: how many differ, and seconds."""
    config = load_config(VerifyConfig, path, ["executor=cuda", "certify=false"])
    jobs = tuple(kept for job in config.jobs if (kept := narrowed(job, operations)))
    config = config.model_copy(update={"jobs": jobs})
    if not jobs:
        return []
    with tempfile.TemporaryDirectory() as folder:
        verify(config, Path(folder, "first"), quick)
        found = verify(config, Path(folder, "second"), quick)
    return [
        {
            **{"operation": check.operation, "format": check.format, "to": check.to or check.format},
            **{"sets": outcome.sets, "mismatches": outcome.mismatches, "seconds": outcome.seconds},
        }
        for check, outcome in found
    ]


def sampled(quick: bool) -> list[Row]:
    """Operations and layers with nothing, every spike, and a sample counted."""
    rows: list[Row] = []
    for count in (False, True, "sample"):
        for name, sets in OPERATIONS:
            rows.append(operation(name, sets >> (6 if quick else 0), count, "threshold", 3))
        for fmt, shape in LAYERS[:1] if quick else LAYERS:
            rows.append(layer(shape, fmt, count, "threshold", 3))
    return rows


def main() -> None:
    """Prints what is found; puts it into the record, after each config, in place of what that had of the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configs", nargs="*", type=Path, default=WHOLE, help="of verifications")
    parser.add_argument("--operations", nargs="*", default=(), help="of them alone")
    parser.add_argument("--sampled", action="store_true", help="sampled counts too")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--quick", action="store_true", help="few operand sets")
    given = parser.parse_args()
    if not gpu_there(given.quick):
        return
    kept: Path | None = given.record
    found = json.loads(kept.read_text()) if kept and kept.exists() else {"verified": [], "sampled": []}
    found["machine"] = machine()

    def keep(part: str, rows: list[Row], names: Sequence[str]) -> None:
        print(json.dumps(rows, indent=1), flush=True)
        new = [[row.get(name) for name in names] for row in rows]
        found[part] = [row for row in found[part] if [row.get(name) for name in names] not in new] + rows
        if kept:
            kept.write_text(json.dumps(found, indent=1) + "\n")

    if given.sampled:
        keep("sampled", sampled(given.quick), ("what", "counting", "sets", "shape"))
    for path in given.configs:
        keep("verified", verified(path, given.operations, given.quick), ("operation", "format", "to"))


if __name__ == "__main__":
    run_guarded(main)
