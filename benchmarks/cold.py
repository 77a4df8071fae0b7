"""Processor seconds of the first use of an operation on a machine: network, look-ups, compiling, three operand sets.

Each runs in a process of its own with an empty cache, then in another with what the first has kept; what the
interpreter and imports take is in both. Processor time, so that other work on the machine counts little.

Usage: python benchmarks/cold.py [operation ...] [--format float32] [--basis threshold] [--quick]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile

from lava_nexus.cli import run_guarded
from lava_nexus.errors import NexusError, brief

BASIC = ["add", "sub", "mul", "div", "fma", "sqrt", "min", "max", "compare_lt", "neg", "abs"]
FUNCTIONS = ["reciprocal", "rsqrt", "exp", "exp2", "log", "sin", "cos"]
FUNCTIONS += ["sigmoid", "tanh", "silu", "gelu", "gelu_tanh", "erf"]

_USE = """
import sys
import lava_nexus as nexus
circuit = nexus.circuit(sys.argv[1], sys.argv[2], basis=sys.argv[3])
nexus.run(circuit, *[[0.5, 1.0, 1.5]] * len(circuit.inputs))
"""


def seconds(operation: str, fmt: str, basis: str, cache: str) -> float:
    """Processor seconds of a process that uses the operation, with that cache folder.

    Raises:
        NexusError: the process fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "LAVA_NEXUS_CACHE": cache}
    done = subprocess.run(
        [sys.executable, "-c", _USE, operation, fmt, basis], env=environment, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise NexusError(f"{operation} {fmt}, {basis}: {brief(done.stderr.splitlines()[-1], 200)}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("operations", nargs="*", default=BASIC + FUNCTIONS)
    parser.add_argument("--format", default="float32")
    parser.add_argument("--basis", default="threshold")
    parser.add_argument("--quick", action="store_true", help="one operation")
    arguments = parser.parse_args()
    operations = arguments.operations[:1] if arguments.quick else arguments.operations
    print(f"{arguments.format}, {arguments.basis}: processor seconds of a process, cache empty and kept")
    for operation in operations:
        with tempfile.TemporaryDirectory() as folder:
            cold, again = (seconds(operation, arguments.format, arguments.basis, f"{folder}/cache") for _ in range(2))
        print(f"{operation:12}{cold:6.1f}{again:6.1f}", flush=True)


if __name__ == "__main__":
    run_guarded(main)
