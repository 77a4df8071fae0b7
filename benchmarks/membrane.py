"""Operations a second of the membrane executor on one core, with and without noise, by tails and by potentials.

Usage: python benchmarks/membrane.py [operation ...] [--quick]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.cli import run_guarded
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.formats import FLOAT32
from lava_nexus.neurons import MEMORYLESS, NeuronModel, NonIdealities

SETS = 1 << 17
STREAMS = 1024
QUIET, NOISE = NonIdealities(), NonIdealities(noise=0.1)
CASES = {
    "full decay, no noise": MembraneExecutor(threads=1),
    "full decay, noise on membranes": MembraneExecutor(threads=1, nonidealities=NOISE),
    "full decay, noise on inputs": MembraneExecutor(threads=1, nonidealities=NonIdealities(0.1, "inputs")),
    "full decay, noise on active synapses": MembraneExecutor(threads=1, nonidealities=NonIdealities(0.1, "active")),
    "full decay, noise, explicit potentials": MembraneExecutor(threads=1, nonidealities=NOISE, explicit=True),
    "soft reset, streaming": MembraneExecutor(NeuronModel(0.5, "soft"), "streaming", STREAMS, 1),
    "soft reset, streaming, noise": MembraneExecutor(NeuronModel(0.5, "soft"), "streaming", STREAMS, 1, NOISE),
    "threshold spread by copy": MembraneExecutor(MEMORYLESS, "reset", STREAMS, 1, NonIdealities(spread=0.1)),
}


def rates(target: Circuit, executor: MembraneExecutor, sets: int, repeats: int) -> tuple[float, float]:
    """Operand sets a second, best of the repeats: (by wall clock, by processor time)."""
    rng = np.random.default_rng(0)
    operands = [rng.standard_normal(sets).astype(np.float32).view(np.uint32) for _ in target.inputs]
    executor.invoke(target, [operand[:64] for operand in operands])
    wall, processor = [], []
    for _ in range(repeats):
        start, used = time.perf_counter(), time.process_time()
        executor.invoke(target, operands)
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return sets / min(wall), sets / min(processor)


def main(operations: list[str], sets: int, repeats: int) -> None:
    """Prints the table."""
    print(
        f"FP32 operations a second on one core, best of {repeats}, {sets} operand sets: wall clock (processor time)\n"
    )
    print("| neurons | " + " | ".join(operations) + " |")
    print("|---" * (1 + len(operations)) + "|")
    for name, executor in CASES.items():
        found = [rates(circuit(operation, FLOAT32), executor, sets, repeats) for operation in operations]
        print(f"| {name} | " + " | ".join(f"{wall:,.0f} ({used:,.0f})" for wall, used in found) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("operations", nargs="*", help="names of operations; add and mul where left out")
    parser.add_argument("--quick", action="store_true", help="few operand sets, once")
    arguments = parser.parse_args()
    size, times = (1 << 13, 1) if arguments.quick else (SETS, 5)
    run_guarded(lambda: main(arguments.operations or ["add", "mul"], size, times))
