"""Operations a second of the bit-sliced executor, numpy arrays in and out: circuits against counting and processors.

Usage: python benchmarks/bitsliced.py [operation ...]
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.executors.bitsliced import BitslicedExecutor, word_program
from lava_nexus.formats import FLOAT32

SETS = 1 << 20
REPEATS = 15
COLUMNS = [(True, 1), (True, 2), (False, 1), (False, 2)]


def millions_a_second(target: Circuit, count: bool, threads: int) -> tuple[float, float]:
    """(median, best) million operand sets a second, on operands drawn from N(0, 1)."""
    rng = np.random.default_rng(0)
    operands = [rng.standard_normal(SETS).astype(np.float32).view(np.uint32) for _ in target.inputs]
    executor = BitslicedExecutor(count=count, threads=threads)
    executor.invoke(target, operands)
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        executor.invoke(target, operands)
        seconds.append(time.perf_counter() - start)
    return SETS / float(np.median(seconds)) / 1e6, SETS / min(seconds) / 1e6


def main(operations: list[str]) -> None:
    """Prints the table."""
    print(f"million operations a second, median of {REPEATS} (best), {SETS} operand sets, packing included;")
    print(f"{len(os.sched_getaffinity(0))} processors at hand\n")
    titles = [f"{'counted' if count else 'not counted'}, threads: {threads}" for count, threads in COLUMNS]
    print("| circuit | neurons | word operations: counted, not counted | " + " | ".join(titles) + " |")
    print("|---" * (3 + len(COLUMNS)) + "|")
    for operation in operations:
        target = circuit(operation, FLOAT32)
        sizes = [len(word_program(target.network, variant).operations) for variant in ("spikes", "outputs")]
        rates = [millions_a_second(target, count, threads) for count, threads in COLUMNS]
        cells = [f"{median:.1f} ({best:.1f})" for median, best in rates]
        print(f"| {target.label} | {target.neurons} | {sizes[0]}, {sizes[1]} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["add", "mul", "div", "sqrt", "max"])
