"""Whole forward passes on GPUs: a prompt and further tokens, seconds, and every layer's bits against an executor's.

Weights are seeded: FP32, made before anything is timed and held by the host, or BF16, made by a hash while the GPU
computes (`models.hashed`). They stay on the GPUs as bit planes as far as `--weight-memory` says, and come anew for each
pass where they do not fit. A pass through one layer compiles and is not timed.

`--against reference_cuda` runs the strict reference beside, on the same GPUs and from the same tokens on its own
stream, and compares all that every stage leaves, of the prompt and of one more token. Another executor's name runs each
layer on the CPU, on the stream that the layer before left on the GPU, so that layers do not wait for each other.

`--digests FILE` writes a digest of the stream behind every layer, or compares with those in the file where it is there,
so that two machines can be compared.

Usage: python -m benchmarks.cuda_models [--shape qwen3_0.6b] [--layers N] [--tokens 128] [--weights bfloat16]
    [--product native] [--against reference_cuda] [--devices 0 1] [--weight-memory 20] [--executor cuda]
    [--digests FILE] [--record FILE] [--quick]

As a module, as `benchmarks.cuda` says.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lava_nexus.cli import run_guarded
from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.execute.cuda.device import machine
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.run import executor as executor_named
from lava_nexus.formats import BFLOAT16, FloatFormat, as_format
from lava_nexus.lab.configs.execution import RunConfig, TransformerModel
from lava_nexus.models.hashed import HashedTensors
from lava_nexus.models.model import Model, random_model
from lava_nexus.models.stages import forward_stages
from lava_nexus.models.stream import Stream, as_kept, cache_of
from lava_nexus.models.tensors import HeldTensors

CONFIGS = Path(__file__).parents[1] / "configs" / "models"
TINY = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}

Row = dict[str, Any]


def model_of(shape: str, tiny: bool, weights: str | None = None, product: str | None = None) -> Model:
    """The model of a config: BF16 weights made where they are read, others held once they are, rounded to a format."""
    given = load_config(RunConfig, CONFIGS / f"{shape}.yaml").model
    assert isinstance(given, TransformerModel) and given.architecture is not None
    made = random_model({**given.architecture, **(TINY if tiny else {})}, product=product)
    rounded = as_format(weights) if weights else None
    assert rounded is None or isinstance(rounded, FloatFormat)
    source = HashedTensors(0) if rounded == BFLOAT16 else HeldTensors(made.source)
    return Model(made.spec, source, replace(made.arithmetic, weight_format=rounded))


def passes(model: Model, runs: Executor, tokens: int, layers: int, more: int = 1) -> tuple[float, list[float]]:
    """Seconds of a prompt and of each further token, the last result of each fetched."""
    ids = np.arange(1, tokens + more + 1)[None]
    forward, span, taken = model.forward(runs), (0, layers), []
    stream: Stream = {}
    for begin, end in [(0, tokens), *((tokens + i, tokens + i + 1) for i in range(more))]:
        start = time.perf_counter()
        stream = forward.enter(ids[:, begin:end], held=cache_of(stream))
        stages = forward_stages(model.spec, end - begin, begin, layers=span, logits="none", keep=True)
        for done in forward.run(stages, stream):
            stream = done.stream
        np.asarray(stream["hidden"])
        taken.append(time.perf_counter() - start)
    return taken[0], taken[1:]


def unequal_beside(model: Model, pair: tuple[Executor, Executor], tokens: int, layers: int) -> list[int]:
    """Patterns that differ of all that every layer leaves, by two executors: a prompt, one more token."""
    found, ids = [0] * layers, np.arange(1, tokens + 2)[None]
    forwards, streams = [model.forward(runs) for runs in pair], [cast(Stream, {})] * 2
    for begin, end in ((0, tokens), (tokens, tokens + 1)):
        stages = forward_stages(model.spec, end - begin, begin, layers=(0, layers), logits="none", keep=True)
        streams = [f.enter(ids[:, begin:end], held=cache_of(s)) for f, s in zip(forwards, streams, strict=True)]
        layer = -1
        for both in zip(*(f.run(stages, s) for f, s in zip(forwards, streams, strict=True)), strict=True):
            layer += both[0].stage.step.startswith("layer")
            one, other = (as_kept(done.left) for done in both)
            unequal = sum(int((one[name] != other[name]).sum()) for name in one)
            found[max(layer, 0)] += unequal
            streams = [done.stream for done in both]
    return found


def hidden_states(model: Model, runs: Executor, tokens: int, layers: int) -> Iterator[NDArray[Any]]:
    """The stream behind every layer of a prompt."""
    forward = model.forward(runs)
    stages = forward_stages(model.spec, tokens, layers=(0, layers), logits="none")
    for done in forward.run(stages, forward.enter(np.arange(1, tokens + 1)[None])):
        if done.stage.step.startswith("layer"):
            yield np.ascontiguousarray(done.left["hidden"])


def layer_of(work: tuple[argparse.Namespace, int, NDArray[Any]]) -> NDArray[Any]:
    """The stream behind one layer, on the executor of `--against`, for what the layer before left."""
    given, layer, before = work
    model = model_of(given.shape, given.quick, given.weights, given.product)
    options = {"count": False, "threads": 1} if given.against == "bitsliced" else {}
    forward = model.forward(executor_named(given.against, **options))
    stages = forward_stages(model.spec, given.tokens, layers=(layer, layer + 1), logits="none")
    stream = dict(forward.enter(np.arange(1, given.tokens + 1)[None]))
    for done in forward.run(stages[:-1], stream):
        stream = dict(done.stream)
    (last,) = forward.run(stages[-1:], {**stream, "hidden": before})
    return np.ascontiguousarray(last.left["hidden"])


def unequal_bits(given: argparse.Namespace, states: list[NDArray[Any]]) -> list[int]:
    """Patterns of each layer that differ between the executors."""
    words = model_of(given.shape, given.quick, given.weights, given.product).forward(executor_named("reference"))
    first = words.enter(np.arange(1, given.tokens + 1)[None])["words"]
    work = [(given, i, before) for i, before in enumerate([first, *states[:-1]])]
    if given.workers == 1:
        others = [layer_of(one) for one in work]
    else:
        with ProcessPoolExecutor(given.workers, multiprocessing.get_context("spawn")) as pool:
            others = list(pool.map(layer_of, work))
    return [int((a != b).sum()) for a, b in zip(states, others, strict=True)]


def compared(found: list[str], file: Path, what: Row) -> Row:
    """The digests of layers against those of a file; written there where it is not."""
    if not file.exists():
        file.write_text(json.dumps({**what, "digests": found}, indent=1) + "\n")
        return {"digests written": len(found)}
    kept = json.loads(file.read_text())
    other = kept["digests"][: len(found)]
    unequal = [i for i, (a, b) in enumerate(zip(found, other, strict=False)) if a != b]
    if unequal:
        raise NexusError(f"{what['shape']}: layers {unequal} differ from those of {kept['executor']} in {file}")
    return {"layers equal": len(other), "to those of": kept["executor"]}


def measured(given: argparse.Namespace) -> Row:
    """One row of the record."""
    model = model_of(given.shape, given.quick, given.weights, given.product)
    layers = given.layers or model.spec.layers
    runs = executor_named(given.executor, **options_of(given, given.executor))
    row: Row = {"shape": given.shape, "layers": layers, "of": model.spec.layers, "tokens": given.tokens}
    row |= {"executor": runs.name, "weights": given.weights or "float32", "devices": len(given.devices or [0])}
    if given.product:
        row["product"] = given.product
    if given.weight_memory is not None:
        row["weight memory, GB"] = given.weight_memory
    if not given.only_digests:
        print(f"{given.shape}: kernels are compiled, weights of {layers} layers made", file=sys.stderr)
        passes(model, runs, given.tokens, 1)
        first = passes(model, runs, given.tokens, layers, given.more)
        row["first prompt seconds"] = first[0]
        runs_of = [passes(model, runs, given.tokens, layers, given.more) for _ in range(given.repeats)] or [first]
        row["prompt seconds"] = float(np.median([prompt for prompt, _ in runs_of]))
        row["next token seconds"] = float(np.median([one for _, more in runs_of for one in more]))
        print(json.dumps(row), file=sys.stderr)
    unequal: list[int] = []
    if given.against == "reference_cuda":
        other = executor_named(given.against, devices=given.devices, weight_memory=0)
        unequal = unequal_beside(model, (runs, other), given.tokens, layers)
    elif given.digests or given.against:
        states = list(hidden_states(model, runs, given.tokens, layers))
        if given.digests:
            row |= compared([hashlib.sha256(state.tobytes()).hexdigest() for state in states], given.digests, row)
        unequal = unequal_bits(given, states) if given.against else []
    if given.against:
        row |= {"against": given.against, "unequal bits by layer": unequal}
        if any(unequal):
            raise NexusError(f"{given.shape}: layers differ from {given.against}: {unequal}")
    return row


def options_of(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """Of an executor that is timed: nothing is counted."""
    if name == "cuda":
        return {"count": False, "devices": given.devices, "weight_memory": given.weight_memory}
    return {"count": False} if name == "bitsliced" else {}


def main() -> None:
    """Runs, compares, prints, writes the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", default="qwen3_0.6b", help="a config of configs/models")
    parser.add_argument("--layers", type=int, help="fewer than the model has")
    parser.add_argument("--tokens", type=int, default=128, help="of the prompt")
    parser.add_argument("--more", type=int, default=3, help="further tokens, of which the median is told")
    parser.add_argument("--repeats", type=int, default=3, help="passes timed behind the first, or that")
    parser.add_argument("--weights", help="format that weights are rounded to first")
    parser.add_argument("--product", help="kind of the products, as native; rounded ones in index order where left out")
    parser.add_argument("--devices", type=int, nargs="+", help="GPUs, of which each forms some columns")
    parser.add_argument("--weight-memory", type=float, help="GB of each GPU that weights may stay in")
    parser.add_argument("--against", help="executor whose bits are compared")
    parser.add_argument("--workers", type=int, default=1, help="processes of --against, a layer each")
    parser.add_argument("--digests", type=Path, help="file of digests of every layer, written or compared with")
    parser.add_argument("--only-digests", action="store_true", help="nothing is timed")
    parser.add_argument("--executor", default="cuda", help="what is timed")
    parser.add_argument("--record", type=Path, help="JSON file to write")
    parser.add_argument("--quick", action="store_true", help="a tiny model on the CPU's executor, for CI")
    given = parser.parse_args()
    if given.quick:
        given.executor, given.against, given.layers, given.tokens, given.repeats = "bitsliced", "reference", 1, 3, 1
    row = measured(given)
    print(json.dumps(row))
    if given.record:
        kept = json.loads(given.record.read_text())["rows"] if given.record.exists() else []
        given.record.write_text(json.dumps({"machine": machine(), "rows": [*kept, row]}, indent=1) + "\n")


if __name__ == "__main__":
    run_guarded(main)
