"""Operations a second of the bit-sliced executor, by straight-line code and by its loop over operations; a record.

Both ways take turns in one run, on the same numpy arrays, packing and unpacking included; bits and counts are compared.
One thread is timed by the processor time that it takes, so that other work on the machine counts little; more threads
by the clock. A layer of LLaMA-2 7B at full size, one token, seeded weights made as they are read, is timed by both.

Usage: python benchmarks/bitsliced.py [operation ...] [--record lava_nexus/energy/records/cpu.json] [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import llvmlite
import numpy as np

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.circuits.compiled.machine_code import host, processor
from lava_nexus.cli import run_guarded
from lava_nexus.config import load_config
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.cpu.program import word_program
from lava_nexus.formats import FLOAT32
from lava_nexus.lab.configs.execution import RunConfig, TransformerModel
from lava_nexus.lab.figures.cpu_table import layer_table, operation_table
from lava_nexus.models.model import random_model
from lava_nexus.models.tensors import RandomTensors

Row = dict[str, Any]

SETS = 1 << 20
REPEATS = 9
OPERATIONS = ["add", "mul", "exp", "gelu"]
"""Those that are run on two threads too."""
MORE = [
    *("div", "sqrt", "max", "reciprocal", "rsqrt", "exp2", "log", "sin", "cos"),
    *("sigmoid", "tanh", "silu", "gelu_tanh", "erf"),
]
COLUMNS = [(True, 1), (True, 2), (False, 1), (False, 2)]
LAYER = Path(__file__).parents[1] / "configs" / "models" / "llama_2_7b.yaml"


def machine() -> Row:
    """What a record says of where it was made."""
    wide = "AVX-512" if "+avx512f" in host().split(",") else "no AVX-512"
    return {
        "processor": processor(), "vectors": wide, "processors at hand": len(os.sched_getaffinity(0)),
        "load at the start": round(os.getloadavg()[0], 1), "date": datetime.now(timezone.utc).date().isoformat(),
        "numpy": np.__version__, "llvmlite": llvmlite.__version__,
    }  # fmt: skip


def operation(name: str, count: bool, threads: int, sets: int, repeats: int) -> Row:
    """Operand sets a second on N(0, 1), medians, both ways in turn."""
    target: Circuit = circuit(name, FLOAT32)
    rng = np.random.default_rng(0)
    operands = [rng.standard_normal(sets).astype(np.float32).view(np.uint32) for _ in target.inputs]
    executors = [BitslicedExecutor(count=count, threads=threads, straight=way) for way in (False, True)]
    results = [executor.invoke(target, operands) for executor in executors]  # builds, lowers and compiles
    (one,), (other,) = (list(executor.tallies) for executor in executors)
    alike = not count or bool(np.array_equal(one.signal_spikes, other.signal_spikes))
    clock = time.thread_time if threads == 1 else time.perf_counter
    seconds: list[list[float]] = [[], []]
    for _ in range(repeats):
        for executor, taken in zip(executors, seconds, strict=True):
            start = clock()
            executor.invoke(target, operands)
            taken.append(clock() - start)
    loop, code = (sets / float(np.median(taken)) for taken in seconds)
    return {
        "what": name, "neurons": target.neurons, "counting": count, "threads": threads,
        "look-ups": len(word_program(target.network, "spikes" if count else "outputs").operations),
        "loop, a second": loop, "code, a second": code,
        "unequal": int((results[0] != results[1]).sum()), "counts alike": alike,
    }  # fmt: skip


def layer(straight: bool, narrow: bool) -> tuple[Row, Any, Any]:
    """One layer, one token, after one of a narrow model that compiles; (row, hidden states, counts)."""
    model = load_config(RunConfig, LAYER).model
    assert isinstance(model, TransformerModel) and model.architecture is not None
    small = {"hidden_size": 512, "intermediate_size": 512, "num_attention_heads": 4}
    shape = {**model.architecture, **(small if narrow else {})}
    random_model({**shape, **small})([1], BitslicedExecutor(straight=straight), layers=(0, 1), logits="none")
    run, executor = random_model(shape), BitslicedExecutor(straight=straight)
    start, used = time.perf_counter(), time.process_time()
    found = run([1], executor, layers=(0, 1), logits="none")
    seconds, taken = time.perf_counter() - start, time.process_time() - used
    products = sum(t.invocations for t in found.counts.tallies if t.circuit.name == "mul")
    row = {
        "by": "code" if straight else "loop", "shape": "LLaMA-2 7B, one layer, one token", "multiplications": products,
        "seconds": seconds, "processor seconds": taken,
    }  # fmt: skip
    counts = {t.circuit.digest: (t.invocations, t.spikes, t.synops) for t in found.counts.tallies}
    return row, found.hidden_states[-1], counts


def layers(narrow: bool) -> list[Row]:
    """The layer by both ways, and the processor time of making as many seeded weights as its matrices have."""
    (loop, one, counted), (code, other, same) = (layer(straight, narrow) for straight in (False, True))
    used, number = time.process_time(), 1 << 24
    RandomTensors(0).rows("weight", (1 << 12, number >> 12), slice(0, 1 << 12))
    weights = (time.process_time() - used) / number * loop["multiplications"]
    alike = {"unequal": int((one != other).sum()), "counts alike": counted == same}
    return [{**row, **alike, "weights, processor seconds": weights} for row in (loop, code)]


def main(operations: list[str], record: Path | None, quick: bool) -> None:
    """Measures, prints the tables, writes the record after each row."""
    sets, repeats = (SETS // 4, 3) if quick else (SETS, REPEATS)
    found: Row = {"machine": machine(), "sets": sets, "repeats": repeats, "rows": [], "layers": []}
    print(found["machine"], flush=True)

    def kept() -> None:
        if record:
            record.write_text(json.dumps(found, indent=1) + "\n")

    for name in operations or (["add", "mul"] if quick else [*OPERATIONS, *MORE]):
        for count, threads in COLUMNS:
            if threads == 1 or name in (operations or OPERATIONS):
                row = operation(name, count, threads, sets, repeats if name in OPERATIONS else min(repeats, 5))
                found["rows"].append(row)
                print({key: round(value, -3) if "second" in key else value for key, value in row.items()}, flush=True)
                kept()
    if not operations:
        found["layers"] = layers(quick)
        kept()
        print("\n" + layer_table(found["layers"]))
    print("\n" + operation_table(found["rows"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("operations", nargs="*", help="names of operations; all, and a layer, where left out")
    parser.add_argument("--record", type=Path, help="JSON file to write")
    parser.add_argument("--quick", action="store_true", help="fewer operations, sets and repetitions, a narrow layer")
    arguments = parser.parse_args()
    run_guarded(lambda: main(arguments.operations, arguments.record, arguments.quick))
