"""Native layers simulated: multiply-accumulates a processor second with every spike counted, by format and rows.

A square linear layer, weights from N(0, 1 / size), activations from N(0, 1), on one thread of the bit-sliced executor,
which takes digits of all sums from products of limb matrices. What such layers cost on a chip is
`lava-nexus native configs/native/costs.yaml`.

Usage: python benchmarks/native.py [--size 1024] [--rows 64 512] [--formats float32 bfloat16 ...] [--quick]
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import numpy as np

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.native.layer import native_sums
from lava_nexus.formats import FORMATS, FloatFormat
from lava_nexus.lab.markdown import markdown
from lava_nexus.populations.native.limbs import Limbs

RUNS = 3


def rate(fmt: FloatFormat, size: int, rows: int) -> tuple[float, float]:
    """(million multiply-accumulates a processor second, median of RUNS; processor seconds to make the layer)."""
    rng = np.random.default_rng(0)
    weights = (rng.standard_normal((size, size)) / np.sqrt(size)).astype(fmt.dtype)
    start = time.process_time()
    layer = NativeLayer(Limbs(fmt, fmt, fmt, fmt.to_patterns(weights), "layer"))
    made = time.process_time() - start
    x = fmt.to_patterns(rng.standard_normal((rows, size)).astype(fmt.dtype))
    executor = BitslicedExecutor(threads=1)
    native_sums(layer, x[:1], executor)  # compiled loops and word programs
    taken = []
    for _ in range(RUNS):
        start = time.process_time()
        native_sums(layer, x, executor)
        taken.append(time.process_time() - start)
    return rows * size**2 / median(taken) / 1e6, made


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rows", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--formats", nargs="+", default=[name for name in FORMATS if name != "float64"])
    parser.add_argument("--quick", action="store_true", help="one small layer")
    given = parser.parse_args()
    if given.quick:
        given.size, given.rows, given.formats = 64, [8], ["float8_e4m3fn"]
    rows = []
    for name in given.formats:
        for count in given.rows:
            speed, made = rate(FORMATS[name], given.size, count)
            rows.append((name, f"{given.size} x {given.size}", count, f"{speed:.0f}", f"{made:.2f}"))
    header = ("format", "layer", "rows", "M MAC a processor second", "processor seconds to make it")
    print(("Quick run, a small layer.\n\n" if given.quick else "") + markdown(header, rows))


if __name__ == "__main__":
    main()
