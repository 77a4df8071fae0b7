from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.cpu.vector_ir import formulas
from lava_nexus.lowering.luts import REPRESENTATIVES
from tests.execute.cpu.networks import as_circuit, random_operands, ripple_adder

ROOT = Path(__file__).parents[3]
PROGRAM = """
import numba.core.config
assert numba.core.config.CPU_NAME == "generic"
from lava_nexus.execute.cpu import BitslicedExecutor
from tests.execute.cpu.networks import as_circuit, random_operands, ripple_adder
network = ripple_adder(16)
x, y = random_operands(network, 3000)
executor = BitslicedExecutor()
assert (executor.invoke(as_circuit(network), [x, y]) == x + y).all()
(tally,) = executor.tallies
print(tally.spikes)
"""


def test_formulas_give_their_tables() -> None:
    operations = {"and_": int.__and__, "or_": int.__or__, "xor": int.__xor__}
    steps = formulas()

    def value(table: int) -> int:
        if table not in steps:
            assert table in (0xAA, 0xCC, 0xF0, 0x00, 0xFF)
            return table
        name, x, y = steps[table]
        return operations[name](value(x), value(y))

    assert [value(table) for table in range(256)] == list(range(256))


def test_eighty_tables_are_left() -> None:
    assert len(REPRESENTATIVES) == 80


@pytest.mark.slow
def test_a_machine_without_wide_vectors_counts_alike() -> None:
    environment = {**os.environ, "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    network = ripple_adder(16)
    executor = BitslicedExecutor()
    executor.invoke(as_circuit(network), random_operands(network, 3000))
    (tally,) = executor.tallies
    assert int(run.stdout) == tally.spikes
