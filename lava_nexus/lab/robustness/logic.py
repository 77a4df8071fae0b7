"""The small circuits of the published robustness tables: gates, a 4-bit adder, a 4 x 4 multiplier, a barrel shifter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit, Computed
from lava_nexus.circuits.cells import Basis, Word, basis_named, weighted
from lava_nexus.errors import NexusError

Patterns = NDArray[Any]


@dataclass(frozen=True)
class Logic:
    """One circuit over plain bits.

    Attributes:
        widths: bits of each input port.
        build: basis and operand words to the output word, all LSB first.
        golden: operands as int64 to the output as int64.
        text: what it is.
    """

    widths: tuple[int, ...]
    build: Callable[[Basis, Sequence[Word]], Word]
    golden: Callable[..., NDArray[np.int64]]
    text: str


def _shift_left(basis: Basis, operands: Sequence[Word]) -> Word:
    """One row of multiplexers for each bit of the amount: x << amount, the bits beyond the word dropped."""
    word, amount = operands
    for i, bit in enumerate(amount):
        moved = [basis.zero] * (1 << i) + list(word)
        word = [basis.real(basis.mux(bit, m, w)) for m, w in zip(moved, word, strict=False)]
    return list(word)


def _multiply(basis: Basis, operands: Sequence[Word]) -> Word:
    a, b = operands
    return basis.sum_bits([(basis.and_(x, y), 1 << (i + j)) for i, x in enumerate(a) for j, y in enumerate(b)], 8, 225)


LOGIC: dict[str, Logic] = {
    "and": Logic((1, 1), lambda on, x: [on.and_(x[0][0], x[1][0])], lambda a, b: a & b, "AND of two bits"),
    "or": Logic((1, 1), lambda on, x: [on.or_(x[0][0], x[1][0])], lambda a, b: a | b, "OR of two bits"),
    "xor": Logic((1, 1), lambda on, x: [on.xor(x[0][0], x[1][0])], lambda a, b: a ^ b, "XOR of two bits"),
    "mux": Logic(
        (1, 1, 1),
        lambda on, x: [on.mux(x[0][0], x[1][0], x[2][0])],
        lambda c, a, b: np.where(c == 1, a, b),
        "one of two bits, chosen by a third",
    ),
    "full_adder": Logic(
        (1, 1, 1),
        lambda on, x: on.sum_bits([(word[0], 1) for word in x], 2, 3),
        lambda a, b, c: a + b + c,
        "sum and carry of three bits",
    ),
    "adder_4bit": Logic(
        (4, 4),
        lambda on, x: on.sum_bits([*weighted(x[0]), *weighted(x[1])], 5, 30),
        lambda a, b: a + b,
        "sum of two 4-bit numbers, 5 bits",
    ),
    "mult_4x4": Logic((4, 4), _multiply, lambda a, b: a * b, "product of two 4-bit numbers, 8 bits"),
    "barrel_shifter": Logic(
        (8, 3), _shift_left, lambda a, n: (a << n) & 255, "8 bits shifted left by 0 to 7, three rows of multiplexers"
    ),
}


@cache
def logic_circuit(name: str, basis: str) -> Circuit:
    """One of `LOGIC` in a basis.

    Raises:
        NexusError: there is no such circuit or basis.
    """
    if name not in LOGIC:
        raise NexusError(f"logic circuit '{name}' does not exist; choose one of {', '.join(LOGIC)}")
    logic, on = LOGIC[name], basis_named(basis)
    words = [on.input(f"x{i}", width=width) for i, width in enumerate(logic.widths)]
    network = on.finish("out", logic.build(on, words), None, 62)
    dtype = network.outputs[0].pattern_dtype

    def golden(*operands: Patterns) -> Patterns:
        return logic.golden(*(operand.astype(np.int64) for operand in operands)).astype(dtype)

    return Circuit(name, basis, network, Computed(golden, "integers"))
