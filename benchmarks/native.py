"""Native layers simulated: multiply-accumulates a processor second with every spike counted, by format, rows, threads.

A square linear layer, weights from N(0, 1 / size), activations from N(0, 1), on the bit-sliced executor, which takes
digits of all sums from the weights' patterns for few rows and from products of limb matrices for many. Two speeds: of
rows that pass a layer once more, and of one row and the layer made for it, as in a model's first token. What such
layers cost on a chip is `lava-nexus native configs/native/costs.yaml`.

`--token` adds the linear layers of one token of Qwen3-0.6B in BF16, the head among them, made once: each shape is run
and taken as often as the model has it.

Usage: python benchmarks/native.py [--size 1024] [--rows 1 64] [--threads 1 2] [--formats bfloat16 float32] [--token]
       [--quick]
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.cli import run_guarded
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.native.layer import native_sums
from lava_nexus.formats import FORMATS, FloatFormat
from lava_nexus.lab.markdown import markdown
from lava_nexus.populations.native.limbs import Limbs

RUNS = 5
QWEN3 = {(2048, 1024): 28, (1024, 1024): 56, (1024, 2048): 28, (3072, 1024): 56, (1024, 3072): 28, (151_936, 1024): 1}
"""Outputs and inputs of the linear layers of Qwen3-0.6B, and how many there are."""


def drawn(fmt: FloatFormat, *shape: int, scale: float = 1.0) -> NDArray[Any]:
    """Patterns of random numbers."""
    return fmt.to_patterns((scale * np.random.default_rng(0).standard_normal(shape)).astype(fmt.dtype))


def speeds(fmt: FloatFormat, size: int, rows: int, threads: int) -> tuple[float, float, float, float]:
    """Processor seconds, medians of RUNS: to make a layer, for one row of a new layer, for rows that pass once more.

    The last is how long the rows take once more by the clock.
    """
    weights, x = drawn(fmt, size, size, scale=size**-0.5), drawn(fmt, rows, size)
    executor = BitslicedExecutor(threads=threads)
    made, first, again, took = [], [], [], []
    for run in range(RUNS + 1):
        times = [time.process_time()]
        layer = NativeLayer(Limbs(fmt, fmt, fmt, weights, "layer"))
        times.append(time.process_time())
        native_sums(layer, x[:1], executor)
        times.append(time.process_time())
        native_sums(layer, x, executor)  # what many rows make
        start, began = time.process_time(), time.perf_counter()
        native_sums(layer, x, executor)
        if run:  # the first compiles
            made.append(times[1] - times[0])
            first.append(times[2] - times[1])
            again.append(time.process_time() - start)
            took.append(time.perf_counter() - began)
    return median(made), median(first), median(again), median(took)


def token(threads: int, quick: bool) -> str:
    """Seconds of a token's linear layers: processor, by the clock, and by the clock with every layer made anew."""
    fmt, executor = FORMATS["bfloat16"], BitslicedExecutor(threads=threads)
    processor = clock = anew = 0.0
    for (outputs, inputs), count in ({(64, 32): 1} if quick else QWEN3).items():
        weights, x = drawn(fmt, outputs, inputs, scale=inputs**-0.5), drawn(fmt, 1, inputs)
        for run in range(2):  # the first compiles
            began = time.perf_counter()
            layer = NativeLayer(Limbs(fmt, fmt, fmt, weights, "layer"))
            native_sums(layer, x, executor)
            fresh = time.perf_counter() - began
            times = [(time.process_time(), time.perf_counter())]
            for _ in range(RUNS if run else 1):
                native_sums(layer, x, executor)
                times.append((time.process_time(), time.perf_counter()))
        processor, clock = (
            total + count * median(b[k] - a[k] for a, b in pairwise(times))
            for k, total in enumerate((processor, clock))
        )
        anew += count * fresh
    return (
        f"Linear layers of one token of Qwen3-0.6B in BF16, {threads} threads, every spike counted: {processor:.2f} "
        f"processor seconds, {clock:.2f} s by the clock, {anew:.2f} s with every layer made for it."
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--formats", nargs="+", default=["bfloat16", "float32"], choices=list(FORMATS))
    parser.add_argument("--token", action="store_true", help="the linear layers of a token of Qwen3-0.6B, too")
    parser.add_argument("--quick", action="store_true", help="one small layer")
    given = parser.parse_args()
    if given.quick:
        given.size, given.rows, given.threads, given.formats = 64, [8], [1], ["float8_e4m3fn"]
    lines = []
    for name in given.formats:
        for rows in given.rows:
            for threads in given.threads:
                made, first, again, took = speeds(FORMATS[name], given.size, rows, threads)
                macs = given.size**2 / 1e6
                rates = (rows * macs / again, rows * macs / took, macs / (made + first))
                shown = [f"{rate:.0f}" for rate in rates]
                lines.append(
                    (name, f"{given.size} x {given.size}", rows, threads, *shown, f"{made:.3f}", f"{first:.3f}")
                )
    header = (
        "format",
        "layer",
        "rows",
        "threads",
        "M MAC a processor second, once more",
        "a second by the clock",
        "of a layer made for one row",
    )
    times = ("processor seconds to make it", "for its first row")
    if given.token:
        print(token(max(given.threads), given.quick) + "\n")
    print(("Quick run, a small layer.\n\n" if given.quick else "") + markdown((*header, *times), lines))


if __name__ == "__main__":
    run_guarded(main)
