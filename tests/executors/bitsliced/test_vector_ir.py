"""The path without AVX-512, in a process of its own: numba takes its processor from the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lava_nexus.executors.bitsliced.vector_ir import formulas

PROGRAM = """
import numpy as np
from lava_nexus.executors.bitsliced import BitslicedExecutor
from tests.executors.bitsliced.networks import as_circuit, random_operands, ripple_adder
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

    assert all(value(table) == table for table in range(256))
