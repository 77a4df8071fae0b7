"""Operations a second of the bit-sliced executor, numpy arrays in and out: circuits against counting and processors.

One thread is timed by the processor time that it takes, so that other work on the machine counts little; more threads
by the clock.

Usage: python benchmarks/bitsliced.py [operation ...] [--quick]
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.cpu.allocation import word_program
from lava_nexus.formats import FLOAT32

SETS = 1 << 20
REPEATS = 15
BASIC = ["add", "mul", "div", "sqrt", "max"]
FUNCTIONS = [
    "reciprocal",
    "rsqrt",
    "exp",
    "exp2",
    "log",
    "sin",
    "cos",
    "sigmoid",
    "tanh",
    "silu",
    "gelu",
    "gelu_tanh",
    "erf",
]
COLUMNS = [(True, 1), (True, 2), (False, 1), (False, 2)]


def millions_a_second(target: Circuit, count: bool, threads: int, sets: int, repeats: int) -> tuple[float, float]:
    """(median, best) million operand sets a second, on operands drawn from N(0, 1)."""
    rng = np.random.default_rng(0)
    operands = [rng.standard_normal(sets).astype(np.float32).view(np.uint32) for _ in target.inputs]
    executor = BitslicedExecutor(count=count, threads=threads)
    executor.invoke(target, operands)
    clock = time.thread_time if threads == 1 else time.perf_counter
    seconds = []
    for _ in range(repeats):
        start = clock()
        executor.invoke(target, operands)
        seconds.append(clock() - start)
    return sets / float(np.median(seconds)) / 1e6, sets / min(seconds) / 1e6


def table(operations: list[str], columns: list[tuple[bool, int]], sets: int, repeats: int) -> None:
    """Prints one row an operation."""
    print(f"\nmillion operations a second, median of {repeats} (best), {sets} operand sets, packing included;")
    print(f"{len(os.sched_getaffinity(0))} processors at hand, load average {os.getloadavg()[0]:.1f}\n")
    titles = [f"{'counted' if count else 'not counted'}, threads: {threads}" for count, threads in columns]
    print("| circuit | neurons | word operations: counted, not counted | " + " | ".join(titles) + " |")
    print("|---" * (3 + len(columns)) + "|")
    for operation in operations:
        target = circuit(operation, FLOAT32)
        sizes = [len(word_program(target.network, variant).operations) for variant in ("spikes", "outputs")]
        rates = [millions_a_second(target, count, threads, sets, repeats) for count, threads in columns]
        cells = [f"{median:.1f} ({best:.1f})" for median, best in rates]
        print(f"| {target.label} | {target.neurons} | {sizes[0]}, {sizes[1]} | " + " | ".join(cells) + " |", flush=True)


def main(operations: list[str], quick: bool) -> None:
    """Prints the table of basic operations and that of functions of one operand, or one of those named."""
    one_core = [column for column in COLUMNS if column[1] == 1]
    if operations:
        table(operations, COLUMNS, SETS, REPEATS)
    elif quick:
        table(["add", "mul"], COLUMNS, SETS // 4, 3)
        table(["sqrt"], one_core, SETS // 4, 3)
    else:
        table(BASIC, COLUMNS, SETS, REPEATS)
        table(FUNCTIONS, one_core, SETS // 2, REPEATS // 3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("operations", nargs="*", help="names of operations; all where left out")
    parser.add_argument("--quick", action="store_true", help="three repetitions of add, mul and sqrt")
    arguments = parser.parse_args()
    main(arguments.operations, arguments.quick)
