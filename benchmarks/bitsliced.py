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
from lava_nexus.cli import run_guarded
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.cpu.program import word_program
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


def millions_a_second(target: Circuit, count: bool, threads: int, sets: int, repeats: int) -> list[float]:
    """Million operand sets a second on N(0, 1), medians side by side: the loop, straight-line code, and their ratio."""
    rng = np.random.default_rng(0)
    operands = [rng.standard_normal(sets).astype(np.float32).view(np.uint32) for _ in target.inputs]
    executors = [BitslicedExecutor(count=count, threads=threads, straight=way) for way in (False, True)]
    clock = time.thread_time if threads == 1 else time.perf_counter
    seconds: list[list[float]] = [[], []]
    for repeat in range(repeats + 1):
        for executor, taken in zip(executors, seconds, strict=True):
            start = clock()
            executor.invoke(target, operands)
            if repeat:  # the first builds, lowers and compiles
                taken.append(clock() - start)
    rates = [sets / float(np.median(taken)) / 1e6 for taken in seconds]
    return [*rates, rates[1] / rates[0]]


def table(operations: list[str], columns: list[tuple[bool, int]], sets: int, repeats: int) -> None:
    """Prints one row an operation."""
    print(
        f"\nmillion operations a second, median of {repeats}, {sets} operand sets, packing included: by the loop over\n"
        "operations, by straight-line code, and their ratio, side by side;"
    )
    print(f"{len(os.sched_getaffinity(0))} processors at hand, load average {os.getloadavg()[0]:.1f}\n")
    titles = [f"{'counted' if count else 'not counted'}, threads: {threads}" for count, threads in columns]
    print("| circuit | neurons | word operations: counted, not counted | " + " | ".join(titles) + " |")
    print("|---" * (3 + len(columns)) + "|")
    for operation in operations:
        target = circuit(operation, FLOAT32)
        sizes = [len(word_program(target.network, variant).operations) for variant in ("spikes", "outputs")]
        rates = [millions_a_second(target, count, threads, sets, repeats) for count, threads in columns]
        cells = [f"{loop:.1f}, {code:.1f}, {ratio:.2f}" for loop, code, ratio in rates]
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
    run_guarded(lambda: main(arguments.operations, arguments.quick))
