"""The cells of both bases as circuits of their own, for rows that count a gate."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import and_, xor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.cells import Basis, Bit, Word, basis_named
from lava_nexus.circuits import Circuit


def _full_adder(basis: Basis, bits: Word) -> Word:
    return basis.sum_bits([(bit, 1) for bit in bits], 2)


def _of(cell: Callable[[Basis, Word], Bit]) -> Callable[[Basis, Word], Word]:
    return lambda basis, bits: [cell(basis, bits)]


_CELLS: dict[str, tuple[int, Callable[[Basis, Word], Word]]] = {
    "and": (2, _of(lambda basis, bits: basis.and_(*bits))),
    "not": (1, _of(lambda basis, bits: basis.not_(*bits))),
    "xor": (2, _of(lambda basis, bits: basis.xor(*bits))),
    "mux": (3, _of(lambda basis, bits: basis.mux(*bits))),
    "full_adder": (3, _full_adder),
}
_MEANING: dict[str, Callable[..., NDArray[Any]]] = {
    "and": lambda *bits: reduce(and_, bits),
    "not": lambda bit: bit ^ 1,
    "xor": lambda *bits: reduce(xor, bits),
    "mux": lambda condition, a, b: np.where(condition != 0, a, b),
    "full_adder": lambda a, b, carry: a + b + carry,
}
GATES = tuple(_CELLS)


def gate_circuit(name: str, basis: str) -> Circuit:
    """The cell with an input port of one bit for each operand."""
    inputs, build = _CELLS[name]
    cells = basis_named(basis, "neurons")
    bits = [cells.input(f"x{i}", None, 1)[0] for i in range(inputs)]
    network = cells.finish("y", build(cells, bits), None, 62)
    return Circuit(name, basis, network, _MEANING[name])
