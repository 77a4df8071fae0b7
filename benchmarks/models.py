"""What layers of models cost: seconds grow with multiplications, memory does not grow with layers.

One layer of each config in configs/models at full size, and a narrow LLaMA of 1 to 16 layers, each in its own process.
Runs that are kept in OUT/models.json are not run again.

Usage: python benchmarks/models.py [--quick] [--out DIR] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lava_nexus.cli import run_guarded
from lava_nexus.config import load_config
from lava_nexus.files import write_text
from lava_nexus.lab.configs.execution import RunConfig, TransformerModel
from lava_nexus.lab.figures.costs import Cost, cost_figure
from lava_nexus.lab.markdown import markdown
from lava_nexus.models.model import random_model

CONFIGS = Path(__file__).parents[1] / "configs" / "models"
DEEP, WIDTH, LAYERS, TOKENS = "narrow LLaMA", 512, (1, 2, 4, 8, 16), 8
KEPT = "models.json"
HEADER = (
    "model",
    "layers",
    "tokens",
    "multiplications",
    "seconds",
    "processor seconds",
    "million a processor second",
    "peak memory, GB",
)


def deep(width: int) -> dict[str, Any]:
    """A LLaMA of so many channels."""
    sizes = {"hidden_size": width, "intermediate_size": 3 * width, "num_attention_heads": width // 32}
    more = {"num_hidden_layers": max(LAYERS), "vocab_size": 256, "max_position_embeddings": 64, "rms_norm_eps": 1e-5}
    return {"model_type": "llama", **sizes, **more}


def full(path: Path) -> dict[str, Any]:
    """One layer of a config's model."""
    model = load_config(RunConfig, path).model
    assert isinstance(model, TransformerModel) and isinstance(model.tokens, int)
    return {"name": path.stem, "architecture": model.architecture, "layers": 1, "tokens": model.tokens}


def measured(run: dict[str, Any]) -> Cost:
    """One run in this process; a tiny one before it builds, lowers and compiles what is needed."""
    tiny = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
    }
    kept = {k: v for k, v in run["architecture"].items() if k not in ("partial_rotary_factor",)}
    random_model({**kept, **tiny})([1], "bitsliced", layers=(0, 1), logits="none")
    model = random_model(run["architecture"])
    start, used = time.perf_counter(), time.process_time()
    found = model([1] * run["tokens"], "bitsliced", layers=(0, run["layers"]), logits="none")
    seconds, processor = time.perf_counter() - start, time.process_time() - used
    products = sum(t.invocations for t in found.counts.tallies if t.circuit.name == "mul")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Cost(run["name"], run["layers"], run["tokens"], products, seconds, processor, peak)


def in_a_process(run: dict[str, Any]) -> Cost:
    """One run in a process of its own, whose peak of memory is its own."""
    found = subprocess.run([sys.executable, __file__, "--one", json.dumps(run)], stdout=subprocess.PIPE, check=True)
    return Cost(**json.loads(found.stdout))


def kept(out: Path | None) -> list[Cost]:
    """Runs that were done before."""
    store = None if out is None else out / KEPT
    return [Cost(**row) for row in json.loads(store.read_text())] if store is not None and store.exists() else []


def main(out: Path | None, only: list[str], quick: bool) -> int:
    """Runs what is not kept, prints the table, draws the figure."""
    width, tokens = (64, 2) if quick else (WIDTH, TOKENS)
    runs = [
        {"name": DEEP, "architecture": deep(width), "layers": n, "tokens": tokens}
        for n in LAYERS[: 2 if quick else None]
    ]
    runs += [] if quick else [full(path) for path in sorted(CONFIGS.glob("*.yaml"))]
    runs = [run for run in runs if not only or run["name"] in only]
    costs = kept(out)
    for run in runs:
        asked = (run["name"], run["layers"], run["tokens"])
        if not any((cost.name, cost.layers, cost.tokens) == asked for cost in costs):
            new = measured(run) if quick else in_a_process(run)
            costs = [*(kept(out) or costs), new]  # another run may have written meanwhile
            if out is not None:
                write_text(out / KEPT, json.dumps([asdict(cost) for cost in costs], indent=1) + "\n")
    rows = [
        (c.name, c.layers, c.tokens, f"{c.multiplications:,}", f"{c.seconds:.2f}", f"{c.processor:.2f}",
         f"{c.multiplications / c.processor / 1e6:.1f}", f"{c.peak / 1e9:.2f}")
        for c in costs
    ]  # fmt: skip
    table = "bit-sliced, spikes counted, float32, random weights made as they are read\n\n" + markdown(HEADER, rows)
    print(table)
    if out is not None:
        write_text(out / "models.md", table)
        cost_figure(costs, "Layers of models by neurons, bit-sliced, spikes counted", out / "models.png")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one narrow model")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for models.{json,md,png}")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help=f"'{DEEP}' or configs by name")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(asdict(measured(json.loads(given.one)))))
    else:
        run_guarded(lambda: main(given.out, given.only, given.quick))
