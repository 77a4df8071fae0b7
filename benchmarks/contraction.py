"""Multiply-accumulates a second of the bit-sliced executor in linear layers, whole programs, spikes counted.

Usage: python benchmarks/contraction.py [--quick]
"""

from __future__ import annotations

import argparse
import os
import resource
import time

import numpy as np

from lava_nexus.cli import run_guarded
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.interpret import run_program
from lava_nexus.formats import FLOAT32
from lava_nexus.programs import Accumulate, Program, Writer, linear

SHAPES = [(8, 256, 256), (8, 1024, 1024), (8, 2048, 2048), (64, 1024, 1024)]
ORDERS: list[Accumulate] = ["sequential", "fma", "pairwise"]


def seconds(accumulate: Accumulate, shape: tuple[int, int, int], threads: int, repeats: int) -> float:
    """Median seconds of one run of a layer of (tokens, inputs, outputs), numbers from N(0, 1)."""
    tokens, inputs, outputs = shape
    rng = np.random.default_rng(0)
    w = Writer(Program("layer"), FLOAT32, accumulate=accumulate).inside("layer")
    x = w.program.input("x", (tokens, inputs), FLOAT32)
    w.program.outputs["y"] = linear(w, x, w.constant(rng.standard_normal((outputs, inputs)).astype(np.float32)))
    feeds = {"x": FLOAT32.to_patterns(rng.standard_normal((1, tokens, inputs)).astype(np.float32))}
    executor = BitslicedExecutor(threads=threads)
    run_program(w.program, feeds, executor)  # circuits are built, lowered and compiled
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        run_program(w.program, feeds, executor)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def main(shapes: list[tuple[int, int, int]], repeats: int) -> None:
    """Prints the table."""
    threads = len(os.sched_getaffinity(0))
    print(f"million FP32 multiply-accumulates a second, median of {repeats}, spikes counted, {threads} threads\n")
    print("| tokens, inputs, outputs | " + " | ".join(ORDERS) + " | peak memory, GB |")
    print("|---" * (len(ORDERS) + 2) + "|")
    for shape in shapes:
        macs = shape[0] * shape[1] * shape[2]
        rates = [macs / seconds(order, shape, threads, repeats) / 1e6 for order in ORDERS]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        cells = [f"{rate:.1f}" for rate in rates]
        print(f"| {shape[0]}, {shape[1]}, {shape[2]} | " + " | ".join(cells) + f" | {peak:.2f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one repetition of the smallest layer")
    arguments = parser.parse_args()
    shapes, times = ([(8, 64, 256)], 1) if arguments.quick else (SHAPES, 3)
    run_guarded(lambda: main(shapes, times))
