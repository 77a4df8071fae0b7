"""Operations a second of the bit-sliced executor, numpy arrays in and out: circuits against counting and processors.

Usage: python benchmarks/bitsliced.py [operation ...] [--quick]
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.executors.bitsliced import BitslicedExecutor, word_program
from lava_nexus.formats import FLOAT32

SETS = 1 << 20
REPEATS = 15
COLUMNS = [(True, 1), (True, 2), (False, 1), (False, 2)]


def millions_a_second(target: Circuit, count: bool, threads: int, repeats: int) -> tuple[float, float]:
    """(median, best) million operand sets a second, on operands drawn from N(0, 1)."""
    rng = np.random.default_rng(0)
    operands = [rng.standard_normal(SETS).astype(np.float32).view(np.uint32) for _ in target.inputs]
    executor = BitslicedExecutor(count=count, threads=threads)
    executor.invoke(target, operands)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        executor.invoke(target, operands)
        seconds.append(time.perf_counter() - start)
    return SETS / float(np.median(seconds)) / 1e6, SETS / min(seconds) / 1e6


def main(operations: list[str], repeats: int) -> None:
    """Prints the table."""
    print(f"million operations a second, median of {repeats} (best), {SETS} operand sets, packing included;")
    print(f"{len(os.sched_getaffinity(0))} processors at hand\n")
    titles = [f"{'counted' if count else 'not counted'}, threads: {threads}" for count, threads in COLUMNS]
    print("| circuit | neurons | word operations: counted, not counted | " + " | ".join(titles) + " |")
    print("|---" * (3 + len(COLUMNS)) + "|")
    for operation in operations:
        target = circuit(operation, FLOAT32)
        sizes = [len(word_program(target.network, variant).operations) for variant in ("spikes", "outputs")]
        rates = [millions_a_second(target, count, threads, repeats) for count, threads in COLUMNS]
        cells = [f"{median:.1f} ({best:.1f})" for median, best in rates]
        print(f"| {target.label} | {target.neurons} | {sizes[0]}, {sizes[1]} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("operations", nargs="*", help="names of operations; the most used ones where left out")
    parser.add_argument("--quick", action="store_true", help="three repetitions of add and mul")
    arguments = parser.parse_args()
    usual = ["add", "mul"] if arguments.quick else ["add", "mul", "div", "sqrt", "max"]
    main(arguments.operations or usual, 3 if arguments.quick else REPEATS)
