"""What `lava-nexus plan` rests on: seconds of a processor by executor and circuit, and what a cluster adds.

Usage: python benchmarks/cluster_rates.py [--quick] [--out FILE]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from lava_nexus.circuits import circuit
from lava_nexus.cli import run_guarded
from lava_nexus.cluster import ClusterConfig
from lava_nexus.crew import crew
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.run import executor_named
from lava_nexus.files import write_text
from lava_nexus.formats import FLOAT32, format_named
from lava_nexus.lab.plan import Engine, name_of, work_seconds
from lava_nexus.models.tensors import RandomTensors
from lava_nexus.programs import Program, Writer, linear
from lava_nexus.store import processor

ENGINES = {"bitsliced": {"threads": 1}, "reference": {}}
FORMATS = ("float8_e4m3fn", "bfloat16", "float16", "float32")
OPERATIONS = ("mul", "add", "fma", "sub", "div", "exp", "sqrt", "max")
LANES = {"bitsliced": 1024, "reference": 1}
SHARE = {"bitsliced": 16384, "reference": 1 << 62}
LAYER = (16, 256, 256)


def least(action: Callable[[], Any], repeats: int) -> float:
    """Processor seconds of the fastest of some repetitions: what others do on the machine only adds."""
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        action()
        taken.append(time.process_time() - began)
    return min(taken)


def engine(name: str, formats: tuple[str, ...], sets: int, repeats: int) -> dict[str, Any]:
    """Rates of an executor."""
    executor = executor_named(name, **ENGINES[name])
    rng, found, neurons = np.random.default_rng(0), {}, []
    for fmt in map(format_named, formats):
        for operation in OPERATIONS:
            made = circuit(operation, fmt)
            operands = [fmt.to_patterns(np.abs(rng.standard_normal(sets)).astype(fmt.dtype)) for _ in made.inputs]
            executor.invoke(made, operands)
            found[name_of(made)] = least(partial(executor.invoke, made, operands), repeats) / sets
            neurons.append(found[name_of(made)] / made.neurons)
    add = circuit("add", FLOAT32)
    few = [FLOAT32.to_patterns(np.ones(64, np.float32))] * 2
    calls = 200 if repeats > 1 else 20
    each = least(lambda: [executor.invoke(add, few) for _ in range(calls)], repeats) / calls
    own = max(LANES[name], 64) * found["add float32 threshold"]
    rates = {
        "invoke": max(each - own, 1e-6),
        "node": 0.0,
        "neuron": float(np.median(neurons)),
        "sets": found,
        "sums": 1.0,
        "lanes": LANES[name],
        "share": SHARE[name],
    }
    taken, planned, nodes = layer(executor, Engine.model_validate(rates), repeats)
    rates["sums"] = taken / planned
    rates["node"] = nodes
    return rates


def layer(executor: Executor, rates: Engine, repeats: int) -> tuple[float, float, float]:
    """(processor seconds of a linear layer, what its circuits alone would take, seconds to write and walk a node)."""
    tokens, inputs, outputs = LAYER if repeats > 1 else (2, 16, 64)
    rng = np.random.default_rng(0)

    def written() -> Program:
        w = Writer(Program("layer"), FLOAT32).inside("layer")
        x = w.program.input("x", (tokens, inputs), FLOAT32)
        weights = w.program.input("weight.w", (outputs, inputs), FLOAT32)
        w.program.outputs["y"] = linear(w, x, weights)
        return w.program

    program = written()
    feeds = {
        name: FLOAT32.to_patterns(rng.standard_normal((1, *value.shape)).astype(np.float32))
        for name, value in program.inputs.items()
    }
    run_program(program, feeds, executor)
    taken = least(lambda: run_program(program, feeds, executor), repeats)
    wires = Program("wires")
    value = wires.input("x", (1, 8), FLOAT32)
    w = Writer(wires, FLOAT32).inside("wires")
    for _ in range(200):
        value = w.transpose(value, -1, -2)
    wires.outputs["y"] = value
    node = least(lambda: run_program(wires, {"x": feeds["x"][:, :1, :8]}, executor), repeats) / 200
    return taken, sum(work_seconds(node, rates, 1) for node in program.nodes), node


def _nothing(shared: Any, piece: Any) -> Any:
    return piece


def _imports(shared: Any, piece: Any) -> int:
    import lava_nexus.execute.tiled  # noqa: F401

    executor = executor_named("bitsliced", threads=1)
    one = [FLOAT32.to_patterns(np.ones(1, np.float32))] * 2
    for operation in ("mul", "add"):
        executor.invoke(circuit(operation, FLOAT32), one)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def used(action: Callable[[], Any]) -> float:
    """Seconds of processors of this process and of those that it started, which have ended."""

    def so_far() -> float:
        both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(one.ru_utime + one.ru_stime for one in both)

    began = so_far()
    action()
    return so_far() - began


def cluster(repeats: int) -> dict[str, float]:
    """What a local cluster adds: seconds of processors, the least of some repetitions, each beside one without it."""
    count, large = (200 if repeats > 1 else 20), np.zeros(1 << 20, np.uint32)
    memory: list[int] = []

    def run(workers: int, pieces: list[Any], act: Any = _nothing) -> None:
        with crew(ClusterConfig(workers=workers, threads=1, wait_seconds=300)) as made:
            found = list(made.map(act, None, pieces, returning=True))  # one by one, as tiles are
            memory.extend(found if act is _imports else [])

    if repeats == 1:  # once, so that everything runs
        one = two = imports = tiles = sizes = used(partial(run, 1, [0], _imports))
    else:
        one, two, imports, tiles, sizes = (
            min(used(partial(run, *asked)) for _ in range(2))
            for asked in ((1, [0]), (2, [0]), (1, [0], _imports), (1, [0] * (1 + count)), (1, [0, *[large] * 16]))
        )
    return {
        "cluster": one,
        "worker": max(0.0, two - one),
        "first": max(0.0, imports - one),
        "tile": max(1e-4, (tiles - one) / count),
        "bytes": 32 * large.nbytes / max(1e-2, sizes - one),
        "memory": max(memory),
    }


def command(repeats: int) -> float:
    """Processor seconds of `lava-nexus run` around a model of hardly any work."""
    architecture = {
        **{"model_type": "llama", "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8},
        **{"num_hidden_layers": 1, "vocab_size": 8, "max_position_embeddings": 8, "rms_norm_eps": 1e-6},
    }
    config = {"model": {"kind": "transformer", "architecture": architecture, "tokens": 1}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(yaml.safe_dump(config | {"out": f"{folder}/out"}))
        run = [sys.executable, "-m", "lava_nexus", "run", str(path)]
        once = partial(subprocess.run, run, check=True, stdout=subprocess.DEVNULL)
        return min(used(once) for _ in range(1 + min(repeats, 3)))


def read(repeats: int) -> dict[str, float]:
    """Weights a second that are made patterns: of seeded random numbers, and of a checkpoint's file."""
    from safetensors.numpy import save_file

    from lava_nexus.models.folder import FolderTensors

    shape = (1024, 1024) if repeats > 1 else (64, 64)
    random = RandomTensors(0)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        save_file({"w.weight": random.rows("w.weight", shape, slice(0, shape[0]))}, f"{folder}/model.safetensors")
        for kind, source in (("random", random), ("checkpoint", FolderTensors(Path(folder)))):

            def rows(source: Any = source) -> Any:
                return FLOAT32.to_patterns(source.rows("w.weight", shape, slice(0, shape[0])))

            found[kind] = shape[0] * shape[1] / max(least(rows, repeats), 1e-6)
    return found


def rounded(value: Any) -> Any:
    """Five digits of every number."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def main(quick: bool, out: Path | None) -> None:
    """Measures, prints and writes."""
    repeats, sets = (1, 1 << 12) if quick else (7, 1 << 18)
    formats = FORMATS[-1:] if quick else FORMATS
    rates = {
        "processor": processor()["name"],
        "when": f"{date.today().isoformat()}, processor time, load {os.getloadavg()[0]:.1f} of {os.cpu_count()}",
        "engines": {name: engine(name, formats, sets, repeats) for name in ENGINES},
        "command": command(repeats),
        **cluster(repeats),
        "read": read(repeats),
    }
    text = yaml.safe_dump(rounded(rates), sort_keys=False)
    print(text)
    if out is not None:
        write_text(
            out, f"# Measured by benchmarks/cluster_rates.py; seconds, unless lava_nexus/lab/plan.py says else.\n{text}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="once, small: that everything runs")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the rates are kept")
    given = parser.parse_args()
    run_guarded(lambda: main(given.quick, given.out))
