"""Whole sums by golden functions, compiled: the bits of one invocation after the other, without arrays in between.

IEEE addition and multiplication of FP32 and FP64 are the processor's; a narrower format's are those of FP32, rounded
again, as its golden functions have it (`circuits.goldens.basic`). Exact sums go by FP64 (`circuits.goldens.doubles`).
What is tallied is what step after step would be.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.goldens.basic import OnValues
from lava_nexus.circuits.goldens.doubles import exact_dot, takes
from lava_nexus.execute.tallies import Tallies, Tally
from lava_nexus.formats import BFLOAT16, FLOAT32, FLOAT64, FORMATS, FloatFormat
from lava_nexus.neurons.compiled import kept
from lava_nexus.programs.nodes import Folded
from lava_nexus.programs.order import JOIN, START, Order
from lava_nexus.programs.product import Exact, Extent, Product, Rounded
from lava_nexus.programs.summation import Summation

Patterns = NDArray[Any]

_COLUMNS = 256  # of sums that are formed together, so that they stay in the nearest cache
_STEPS = 1 << 30  # products of one call, which nothing interrupts


def contracted(tallies: Tallies, how: Product, left: Patterns, right: Patterns, bias: Patterns | None) -> Any:
    """Sums [..., rows, columns] of patterns left [..., rows, terms] and right [..., columns, terms].

    None for kinds and circuits that are formed step by step. Adds to `tallies`.
    """
    lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    shape = (*lead, left.shape[-2], right.shape[-2])
    if not left.size or not right.size:
        return None
    if isinstance(how, Exact):
        result = None if bias is not None else _exact(how, left, right)
    elif isinstance(how, Rounded) and (bias is None or bias.size == shape[-1]):
        result = _rounded(how, _lead(left, lead), _lead(right, lead), bias)
    else:
        return None
    if result is None:
        return None
    _tell(tallies, how, Extent(prod(shape), shape[-1], left.shape[-1], bias is not None, prod(lead)))
    return result.reshape(shape)


def folded(tallies: Tallies, how: Folded | Exact, values: Patterns) -> Any:
    """The last axis of patterns added up; None for what is folded step by step. Adds to `tallies`."""
    if not values.size:
        return None
    length, shape = values.shape[-1], values.shape[:-1]
    rows = values.reshape(-1, length)
    if isinstance(how, Exact):
        one = np.full((1, length), how.accumulator.register.format.to_patterns(1.0))
        result = _exact(how, rows, one)
    elif (fmt := _plain(how.circuit, np.add)) is not None:
        x = _numbers(fmt, rows, fmt)
        result = _patterns(_summed(how.order, np.ones((1, 1, length), x.dtype), x[None], x[:1, :0], fmt), fmt)
    else:
        return None
    if result is None:
        return None
    _tell(tallies, how, Extent(prod(shape), 1, length))
    return result.reshape(shape)


def _exact(how: Exact, left: Patterns, right: Patterns) -> Patterns | None:
    fmt, to = how.accumulator.register.format, how.format
    if not isinstance(to, FloatFormat) or not takes(fmt, to):
        return None
    return exact_dot(fmt.from_patterns(left), fmt.from_patterns(right), to)


def _rounded(how: Rounded, left: Patterns, right: Patterns, bias: Patterns | None) -> Patterns | None:
    fmt, to = _plain(how.multiply, np.multiply), _plain(how.add, np.add)
    if fmt is None or to is None or to not in (fmt, FLOAT32):
        return None
    x, y = (_numbers(fmt, p, to).reshape(-1, *p.shape[-2:]) for p in (left, right))
    added = np.zeros((1, 0), x.dtype) if bias is None else _numbers(to, bias, to).reshape(1, -1)
    return _patterns(_summed(how.order, x, y, added, to), to)


def _tell(tallies: Tallies, how: Summation, extent: Extent) -> None:
    for circuit, sets in how.invocations(extent):
        if sets:
            tallies.add(Tally(circuit, sets))


def _plain(circuit: Circuit, function: Any) -> FloatFormat | None:
    """The format of operands where the circuit's golden is that function of a format's values; else None."""
    golden = circuit.golden
    if not isinstance(golden, OnValues) or golden.function is not function:
        return None
    return golden.format if golden.to in FORMATS.values() and golden.to in (golden.format, FLOAT32) else None


def _numbers(fmt: FloatFormat, patterns: Patterns, to: FloatFormat) -> NDArray[Any]:
    return fmt.from_patterns(patterns).astype(np.float64 if to == FLOAT64 else np.float32, copy=False)


def _patterns(values: NDArray[Any], to: FloatFormat) -> Patterns:
    with np.errstate(all="ignore"):
        exact = np.ascontiguousarray(values, to.dtype)
    return to.canonical(exact.view(to.pattern_dtype))


def _lead(patterns: Patterns, lead: tuple[int, ...]) -> Patterns:
    """One matrix, or one for each element of the axes in front."""
    own = patterns.shape[:-2]
    return patterns if prod(own) == 1 else np.broadcast_to(patterns, (*lead, *patterns.shape[-2:]))


def _summed(order: Order, x: NDArray[Any], y: NDArray[Any], bias: NDArray[Any], to: FloatFormat) -> NDArray[Any]:
    """Sums [matrices, rows, columns] of x [.., rows, terms], y [.., columns, terms] and a bias [1, columns or none]."""
    if len(y) == 1:
        x = x.reshape(1, -1, x.shape[-1])
    matrices, rows, columns = max(len(x), len(y)), x.shape[1], y.shape[1]
    result = np.empty((matrices, rows, columns), x.dtype)
    run, limits = _kernel(to), np.array(_limits(to), np.float32)
    each = max(1, _STEPS // (len(order.instructions) * _COLUMNS * matrices))
    for start in range(0, columns, _COLUMNS):
        part = slice(start, start + _COLUMNS)
        block = np.ascontiguousarray(np.swapaxes(y[:, part], 1, 2))
        some = np.ascontiguousarray(bias[:, part])
        registers = np.empty((order.registers, block.shape[2]), x.dtype)
        for row in range(0, rows, each):
            found = np.empty((matrices, len(range(rows)[row : row + each]), block.shape[2]), x.dtype)
            run(
                x[:, row : row + each].copy(),
                block,
                some,
                order.instructions,
                order.from_zero,
                registers,
                limits,
                found,
            )
            result[:, row : row + each, part] = found
    return result


def _limits(to: FloatFormat) -> tuple[float, float, float]:
    """(2^(23 - fraction bits) * least normal number, largest number, what lies beyond) of a format below FP32."""
    least = 2.0 ** (1 - to.bias)
    largest = float(to.from_patterns(np.array(to.max_finite, to.pattern_dtype)).astype(np.float64))
    return least, min(largest, 3e38), float("inf") if to.inf else float("nan")


def _as_is(x: Any, limits: Any) -> Any:
    return x


def _upper_half(x: Any, limits: Any) -> Any:
    """FP32 rounded to BF16, which is its upper half."""
    if x != x:
        return x
    word = np.float32(x).view(np.uint32)
    up = np.uint32(0x7FFF) + ((word >> np.uint32(16)) & np.uint32(1))
    return np.uint32((word + up) & np.uint32(0xFFFF0000)).view(np.float32)


def _shortened(drop: int) -> Any:
    """FP32 rounded to a format of fewer exponents and `drop` fraction bits less.

    |x| + c - c with c = 2^drop times the power of two that |x| begins with, no less than the least normal number, is
    |x| at the place of the format's last bit, to nearest even.
    """
    power = np.uint32(drop << 23)

    def shortened(x: Any, limits: Any) -> Any:
        size = np.float32(abs(x))
        if size > np.float32(1e30):
            return np.copysign(limits[2], x)
        begin = np.float32(max(size, limits[0])).view(np.uint32) & np.uint32(0x7F800000)
        c = np.uint32(begin + power).view(np.float32)
        near = np.float32(np.float32(size + c) - c)
        return np.copysign(limits[2] if near > limits[1] else near, x)

    return shortened


@lru_cache(maxsize=16)
def _kernel(to: FloatFormat) -> Any:
    """The compiled loop over an order's instructions."""
    import numba

    if to in (FLOAT32, FLOAT64):
        rounding = _as_is
    elif to == BFLOAT16:
        rounding = _upper_half
    else:
        rounding = _shortened(23 - to.fraction_bits)
    rounded = numba.njit(nogil=True)(rounding)

    def sums(
        left: Any, right: Any, bias: Any, instructions: Any, from_zero: Any, registers: Any, limits: Any, result: Any
    ) -> None:
        """Left [1 or matrices, rows, terms], right [1 or matrices, terms, columns], bias [1, columns] to result."""
        matrices, rows, columns = result.shape
        terms, zero = left.shape[2], left.dtype.type(0)
        for m in range(matrices):
            own, y, one = left[min(m, len(left) - 1)], right[min(m, len(right) - 1)], bias[0]
            for row in range(rows):
                for i in range(len(instructions)):
                    kind, into, of = instructions[i]
                    total = registers[into]
                    if kind == JOIN:
                        other = registers[of]
                        for c in range(columns):
                            total[c] = rounded(total[c] + other[c], limits)
                        continue
                    if kind == START and not from_zero:
                        if of == terms:
                            total[:] = one
                            continue
                        x, factor = own[row, of], y[of]
                        for c in range(columns):
                            total[c] = rounded(x * factor[c], limits)
                        continue
                    if kind == START:
                        total[:] = zero
                    if of == terms:
                        for c in range(columns):
                            total[c] = rounded(total[c] + one[c], limits)
                        continue
                    x, factor = own[row, of], y[of]
                    for c in range(columns):
                        total[c] = rounded(total[c] + rounded(x * factor[c], limits), limits)
                result[m, row] = registers[0]

    return kept(sums)
