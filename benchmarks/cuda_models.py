"""Whole forward passes on a GPU: a prompt and one more token, seconds, and every layer's bits against the CPU's.

Weights are seeded, FP32, kept in the host's memory before anything is timed; what is timed reads them from there. The
first pass compiles and is not timed. `--against` runs the same prompt on another executor and compares the stream
behind every layer bit for bit.

Usage: python -m benchmarks.cuda_models [--shape qwen3_0.6b] [--layers N] [--tokens 128] [--against bitsliced]
    [--record FILE] [--quick]

As a module, as `benchmarks.cuda` says.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.execute.cuda import CudaExecutor
from lava_nexus.execute.cuda.device import machine
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.run import executor as executor_named
from lava_nexus.lab.configs.execution import RunConfig, TransformerModel
from lava_nexus.models.forward import cache_of
from lava_nexus.models.model import Model, random_model
from lava_nexus.models.stages import forward_stages
from lava_nexus.models.tensors import HeldTensors

CONFIGS = Path(__file__).parents[1] / "configs" / "models"
TINY = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}

Row = dict[str, Any]


def model_of(shape: str, tiny: bool) -> Model:
    """The model of a config, its weights kept in memory once they are made."""
    given = load_config(RunConfig, CONFIGS / f"{shape}.yaml").model
    assert isinstance(given, TransformerModel) and given.architecture is not None
    made = random_model({**given.architecture, **(TINY if tiny else {})})
    return Model(made.spec, HeldTensors(made.source), made.arithmetic)


def passes(model: Model, runs: Executor, tokens: int, layers: int) -> tuple[list[Any], float, float]:
    """The stream behind every layer of a prompt, its seconds, and those of one more token."""
    ids = np.arange(1, tokens + 2)[None]
    forward, span = model.forward(runs), (0, layers)
    start = time.perf_counter()
    stream = forward.enter(ids[:, :-1])
    hidden = []
    for done in forward.run(forward_stages(model.spec, tokens, layers=span, logits="none", keep=True), stream):
        stream = done.stream
        hidden += [done.left["hidden"]] if "hidden" in done.left else []
    prompt = time.perf_counter() - start
    start = time.perf_counter()
    more = forward.enter(ids[:, -1:], held=cache_of(stream))
    for _ in forward.run(forward_stages(model.spec, 1, tokens, layers=span, logits="none"), more):
        pass
    return hidden, prompt, time.perf_counter() - start


def main() -> None:
    """Runs, compares, prints, writes the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", default="qwen3_0.6b", help="a config of configs/models")
    parser.add_argument("--layers", type=int, help="fewer than the model has")
    parser.add_argument("--tokens", type=int, default=128, help="of the prompt")
    parser.add_argument("--against", help="executor whose bits are compared")
    parser.add_argument("--executor", default="cuda", help="what is timed")
    parser.add_argument("--record", type=Path, help="JSON file to write")
    parser.add_argument("--quick", action="store_true", help="a tiny model on the CPU's executor, for CI")
    given = parser.parse_args()
    if given.quick:
        given.executor, given.against, given.layers, given.tokens = "bitsliced", "reference", 1, 3
    model = model_of(given.shape, given.quick)
    layers = given.layers or model.spec.layers
    runs = CudaExecutor(count=False) if given.executor == "cuda" else executor_named(given.executor)
    print(f"{given.shape}: weights of {layers} layers are made, kernels compiled", file=sys.stderr)
    passes(model, runs, given.tokens, layers)
    hidden, prompt, more = passes(model, runs, given.tokens, layers)
    row: Row = {"shape": given.shape, "layers": layers, "of": model.spec.layers, "tokens": given.tokens}
    row |= {"prompt seconds": prompt, "next token seconds": more, "executor": runs.name}
    if given.against:
        options = {"count": False} if given.against == "bitsliced" else {}
        other, seconds, _ = passes(model, executor_named(given.against, **options), given.tokens, layers)
        unequal = [int((a != b).sum()) for a, b in zip(hidden, other, strict=True)]
        row |= {"against": given.against, "its prompt seconds": seconds, "unequal bits by layer": unequal}
        if any(unequal):
            raise NexusError(f"{given.shape}: layers differ from {given.against}: {unequal}")
    print(json.dumps(row))
    if given.record:
        kept = json.loads(given.record.read_text())["rows"] if given.record.exists() else []
        given.record.write_text(json.dumps({"machine": machine(), "rows": [*kept, row]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
