"""Native layers simulated: multiply-accumulates a processor second with every spike counted, by format, rows, threads.

A square linear layer, weights from N(0, 1 / size), activations from N(0, 1), on the bit-sliced executor, which takes
digits of all sums from the weights' patterns for few rows and from products of limb matrices for many. Two speeds: of
rows that pass a layer once more, and of one row and the layer made for it, as in a model's first token. What such
layers cost on a chip is `lava-nexus native configs/native/costs.yaml`.

Usage: python benchmarks/native.py [--size 1024] [--rows 1 64] [--threads 1 2] [--formats bfloat16 float32] [--quick]
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.native.layer import native_sums
from lava_nexus.formats import FORMATS, FloatFormat
from lava_nexus.lab.markdown import markdown
from lava_nexus.populations.native.limbs import Limbs

RUNS = 5


def drawn(fmt: FloatFormat, *shape: int, scale: float = 1.0) -> NDArray[Any]:
    """Patterns of random numbers."""
    return fmt.to_patterns((scale * np.random.default_rng(0).standard_normal(shape)).astype(fmt.dtype))


def speeds(fmt: FloatFormat, size: int, rows: int, threads: int) -> tuple[float, float, float]:
    """Processor seconds, medians of RUNS: to make a layer, for one row of a new layer, for rows that pass once more."""
    weights, x = drawn(fmt, size, size, scale=size**-0.5), drawn(fmt, rows, size)
    executor = BitslicedExecutor(threads=threads)
    made, first, again = [], [], []
    for run in range(RUNS + 1):
        times = [time.process_time()]
        layer = NativeLayer(Limbs(fmt, fmt, fmt, weights, "layer"))
        times.append(time.process_time())
        native_sums(layer, x[:1], executor)
        times.append(time.process_time())
        native_sums(layer, x, executor)  # what many rows make
        start = time.process_time()
        native_sums(layer, x, executor)
        if run:  # the first compiles
            made.append(times[1] - times[0])
            first.append(times[2] - times[1])
            again.append(time.process_time() - start)
    return median(made), median(first), median(again)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--formats", nargs="+", default=["bfloat16", "float32"], choices=list(FORMATS))
    parser.add_argument("--quick", action="store_true", help="one small layer")
    given = parser.parse_args()
    if given.quick:
        given.size, given.rows, given.threads, given.formats = 64, [8], [1], ["float8_e4m3fn"]
    lines = []
    for name in given.formats:
        for rows in given.rows:
            for threads in given.threads:
                made, first, again = speeds(FORMATS[name], given.size, rows, threads)
                rates = (rows * given.size**2 / again / 1e6, given.size**2 / (made + first) / 1e6)
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
        "of a layer made for one row",
    )
    times = ("processor seconds to make it", "for its first row")
    print(("Quick run, a small layer.\n\n" if given.quick else "") + markdown((*header, *times), lines))


if __name__ == "__main__":
    main()
