"""Finds the inputs that the precise programs miss: what `rounding="correct"` has a neuron each for."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field
from tqdm import tqdm

from lava_nexus.circuits import circuit
from lava_nexus.circuits.functions import function, patched
from lava_nexus.circuits.operations import PRECISE
from lava_nexus.config.base import Config
from lava_nexus.errors import NexusError
from lava_nexus.files import write_text
from lava_nexus.formats import FLOAT32
from lava_nexus.verification.config import DEFAULT_CHUNK
from lava_nexus.verification.outcome import MOST_MISSES, Outcome
from lava_nexus.verification.plan import QUICK_SETS
from lava_nexus.verification.sets import Exhaustive
from lava_nexus.verification.task import Task
from lava_nexus.verification.verify import run_task

FunctionName = Literal["exp", "sigmoid", "tanh", "silu", "gelu"]


class CorrectionsConfig(Config):
    """Which functions, and how.

    Attributes:
        operations: functions of FP32.
        threads: at most so many.
        store: whether what is found replaces the corrections in the package.
        out: folder for what is found, and for the progress that an interrupted run continues from.
    """

    operations: tuple[FunctionName, ...] = Field(min_length=1)
    threads: int = Field(default=1, ge=1)
    store: bool = False
    out: Path = Path("results/corrections")


def find_corrections(config: CorrectionsConfig, out: Path, quick: bool = False) -> None:
    """Holds each precise program against correct rounding on every input and writes down which it misses.

    Raises:
        NexusError: a program misses more inputs than can have a neuron each.
    """
    for name in config.operations:
        golden = function.golden(PRECISE[name])(FLOAT32)
        made = circuit(name, FLOAT32)
        sets = Exhaustive(made.inputs, DEFAULT_CHUNK, QUICK_SETS if quick else None)
        task = Task(replace(made, golden=golden), f"{name}", "float32", None, {}, sets, gates=False, correct=True)
        with ThreadPoolExecutor(config.threads) as pool, tqdm(total=sets.sets, unit=" sets", unit_scale=True) as bar:
            bar.set_description(name)
            outcome = run_task(task, out / "progress", pool, 2 * config.threads, bar.update)
        text = _text(name, outcome, golden.digest)
        write_text(out / f"{name}_float32.json", text)
        if config.store and not quick:
            write_text(patched.corrections_file(name, FLOAT32), text)
        assert outcome.rounding is not None
        print(f"{name} float32: misses {outcome.rounding.wrong:,} of {outcome.sets:,} inputs")


def _text(name: str, outcome: Outcome, digest: str) -> str:
    rounding = outcome.rounding
    if rounding is None or rounding.misses is None:
        raise NexusError(f"the precise program of {name} misses more than {MOST_MISSES:,} inputs")
    rows = ",\n".join(f'  ["{p:#010x}", "{got:#010x}", "{right:#010x}"]' for p, got, right in sorted(rounding.misses))
    head = json.dumps({"program": digest, "inputs": outcome.sets})[:-1]
    return f'{head}, "missed": [\n{rows}\n]}}\n'
