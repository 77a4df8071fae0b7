"""Exact sums of any length: a register wide enough for every sum of terms, added to by one circuit, rounded by another.

The register passes from step to step as pieces of 64 bits: the sum in two's complement, in units of the smallest
product (of FP32: 554 places for one product, more for sums), then what else a sum remembers: whether a term was NaN,
+infinity, -infinity, and whether one was positive, because a sum of -0 alone is -0. All zeros is the empty sum.
Source: U. Kulisch, "Computer Arithmetic and Validity", 2nd edition, 2013, chapter 8 (the complete register).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.catalogue import source_key
from lava_nexus.circuits.cells import Basis, Word, basis_named
from lava_nexus.circuits.circuit import Circuit
from lava_nexus.circuits.floating import exact_sum
from lava_nexus.circuits.goldens import exact
from lava_nexus.circuits.goldens.sums import Term, addend, product
from lava_nexus.disk_cache import cached
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import LOIHI2, ThresholdNetwork
from lava_nexus.neurons.built import Computed, Golden
from lava_nexus.neurons.serialisation import from_arrays, to_arrays

TermKind = Literal["products", "values"]

_PIECE, _LIMB = 64, 32
_FLAGS = 4  # NaN, +infinity, -infinity, a positive sign
_LENGTHS = 16  # a sum has fewer than 2^16 terms at least; what is left of the last piece is for longer ones


@dataclass(frozen=True)
class Register:
    """The bits of an exact sum.

    Attributes:
        format: of the terms' factors, or of the terms.
        kind: whether the terms are products or values.
    """

    format: FloatFormat
    kind: TermKind

    @property
    def frame(self) -> exact_sum.Frame:
        """Places of one term."""
        return exact_sum.product_frame(self.format) if self.kind == "products" else exact_sum.value_frame(self.format)

    @property
    def pieces(self) -> int:
        """Words of 64 bits."""
        return -(-(self.frame.length + 1 + _LENGTHS + _FLAGS) // _PIECE)

    @property
    def width(self) -> int:
        """Bits of the sum, its sign among them."""
        return self.pieces * _PIECE - _FLAGS

    @property
    def longest(self) -> int:
        """Terms that no sum of which can leave the register."""
        return (1 << (self.width - 1 - self.frame.length)) - 1


@dataclass(frozen=True, eq=False)
class Accumulator:
    """The two circuits of an exact sum.

    Attributes:
        register: what passes from one to the other.
        step: pieces of the register and the operands of `terms` terms to pieces of the register.
        finish: pieces of the register to the sum, rounded once.
        terms: in one step.
    """

    register: Register
    step: Circuit
    finish: Circuit
    terms: int


@lru_cache(maxsize=64)
def accumulator(
    fmt: FloatFormat,
    kind: TermKind,
    to: FloatFormat | None = None,
    *,
    terms: int = 2,
    basis: str = "threshold",
    max_delay: int = LOIHI2.max_delay,
) -> Accumulator:
    """Circuits that sum products of two numbers of a format, or numbers of it, exactly and round to `to`.

    Args:
        fmt: of the factors or the values.
        kind: of the terms.
        to: of the result; `fmt` where it is None.
        terms: in one step.
        basis: cells.
        max_delay: largest synaptic delay.
    """
    register, to = Register(fmt, kind), to or fmt
    names = [f"r{i}" for i in range(register.pieces)]

    def circuit(name: str, build: Callable[[Basis, Word], ThresholdNetwork], golden: Golden) -> Circuit:
        def network() -> ThresholdNetwork:
            cells = basis_named(basis)
            state = [bit for piece in names for bit in cells.input(piece, width=_PIECE)]
            return build(cells, state)

        key = f"accumulator {name} {register!r} {to!r} {terms} {basis} {max_delay} {source_key()}"
        built = cached("circuits", key, network, to_arrays, from_arrays, f"building {name}")
        return Circuit(name, basis, built, golden)

    def step(cells: Basis, state: Word) -> ThresholdNetwork:
        operands = [cells.input(f"{side}{i}", fmt) for i in range(terms) for side in _sides(kind)]
        word = exact_sum.added(cells, state, operands, fmt, kind == "products", register.width)
        pieces = [word[i * _PIECE : (i + 1) * _PIECE] for i in range(register.pieces)]
        outputs = [(name, [cells.real(bit) for bit in piece], None) for name, piece in zip(names, pieces, strict=True)]
        return cells.builder.finish(outputs, max_delay)

    def finish(cells: Basis, state: Word) -> ThresholdNetwork:
        return cells.finish("out", exact_sum.rounded(cells, state, register.frame, register.width, to), to, max_delay)

    what = "product" if kind == "products" else "value"
    return Accumulator(
        register,
        circuit(f"add {what}s exactly", step, Computed(_added(register), "integers", register.pieces)),
        circuit(f"round sum of {what}s", finish, Computed(_rounded(register, to), "integers")),
        terms,
    )


def _sides(kind: TermKind) -> str:
    return "ab" if kind == "products" else "a"


def _added(register: Register) -> Callable[..., tuple[NDArray[Any], ...]]:
    """The reference of a step: limbs of 32 bits."""
    unit = register.frame.unit

    def golden(*patterns: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        shape = np.broadcast_shapes(*(p.shape for p in patterns))
        flat = [np.broadcast_to(p, shape).ravel() for p in patterns]
        pieces, operands = flat[: register.pieces], flat[register.pieces :]
        total, flags = _limbs(pieces)
        total = np.concatenate([total, np.zeros((3, total.shape[1]), np.int64)])  # where digits of products may reach
        for term in _terms(register, operands):
            exact.add_product(total, *term.factors, unit)
            plus, minus = term.infinite & ~term.sign, term.infinite & term.sign
            for bit, flag in enumerate((term.nan, plus, minus, ~term.sign)):
                flags |= flag.astype(np.uint64) << np.uint64(bit)
        total = total[:-3]
        exact.carry(total)
        return tuple(piece.reshape(shape) for piece in _pieces(register, total, flags))

    return golden


def _rounded(register: Register, to: FloatFormat) -> Callable[..., NDArray[Any]]:
    """The reference of the last step."""

    def golden(*patterns: NDArray[Any]) -> NDArray[Any]:
        shape = np.broadcast_shapes(*(p.shape for p in patterns))
        total, flags = _limbs([np.broadcast_to(p, shape).ravel() for p in patterns])
        unit = np.full(total.shape[1], register.frame.unit, np.int64)
        number = exact.leading(total, unit)
        nan, plus, minus, positive = (((flags >> np.uint64(bit)) & np.uint64(1)) != 0 for bit in range(_FLAGS))
        signed = exact.Numbers(number.sign | ~positive, number.exponent, number.significand, number.inexact)
        word = exact.rounded(signed, to).astype(np.uint64)
        infinity = np.uint64(to.exponent_mask if to.inf else to.canonical_nan)
        word = np.where(plus | minus, infinity | minus.astype(np.uint64) << np.uint64(to.bits - 1), word)
        word = np.where(nan | (plus & minus), np.uint64(to.canonical_nan), word)
        return to.canonical(word.astype(to.pattern_dtype)).reshape(shape)

    return golden


def _terms(register: Register, operands: Sequence[NDArray[Any]]) -> list[Term]:
    fmt = register.format
    if register.kind == "products":
        return [product(a, b, fmt) for a, b in zip(operands[::2], operands[1::2], strict=True)]
    return [addend(a, fmt) for a in operands]


def _limbs(pieces: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """(sum in limbs, the last one signed; the flags)."""
    halves = [(piece >> np.uint64(shift)) & np.uint64(0xFFFFFFFF) for piece in pieces for shift in (0, _LIMB)]
    total = np.array(halves).astype(np.int64)
    flags = halves[-1] >> np.uint64(_LIMB - _FLAGS)
    total[-1] = (total[-1] << (_LIMB + _FLAGS)) >> (_LIMB + _FLAGS)
    return total, flags


def _pieces(register: Register, total: NDArray[np.int64], flags: NDArray[np.uint64]) -> list[NDArray[np.uint64]]:
    words = total.astype(np.uint64)
    words[-1] = (words[-1] & np.uint64((1 << (_LIMB - _FLAGS)) - 1)) | (flags << np.uint64(_LIMB - _FLAGS))
    return [words[2 * i] | words[2 * i + 1] << np.uint64(_LIMB) for i in range(register.pieces)]
