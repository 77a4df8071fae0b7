"""Programmable neurons as data: what a neuron keeps, how it changes in a step, what it sends.

A step of a neuron: a = sum of what arrived; then the assignments in order, over whole numbers; the states are kept,
what `sends` names is the payload of its spike, 0 being silence. The chip's neurons are programs over a few words of
state (Loihi 2: microcode of additions, products, shifts, comparisons and selections); the equations here are what such
a program has to do, and say nothing of how it is encoded, which is not public.

An equation is text: + - * on whole numbers, // and % by a positive constant (floor), comparisons that give 0 or 1, &
and | of such, where(condition, this, other), min(x, y), max(x, y). Names are states (the last step's until they are
assigned), earlier assignments, constants and `a`. `ranges` finds between which numbers each of them can lie, whatever
arrives.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError

Integers = NDArray[np.int64]
Range = tuple[int, int]

STATE = (1 << 23) - 1
"""Largest magnitude of a state: 24 bits with sign (lava-nc 0.10.0, fixed-point LIF)."""

PAYLOAD = (1 << 31) - 1
"""Largest magnitude of a payload, and of a number on the way to a state: 32 bits (Intel Loihi 2 technology brief)."""

_MOST_STEPS = 1000  # after which states that still grow are taken to grow for ever


@dataclass(frozen=True)
class StatefulNeuron:
    """A neuron's equation; see the module.

    Attributes:
        name: of the model.
        states: names of what is kept from step to step, 0 when a window begins.
        equations: (name, expression), assigned one after the other in every step.
        sends: the name whose value is sent.
        constants: (name, value) of numbers that the equations name.
    """

    name: str
    states: tuple[str, ...]
    equations: tuple[tuple[str, str], ...]
    sends: str
    constants: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        for name in (*self.states, self.sends):
            if name not in (target for target, _ in self.equations):
                raise NexusError(f"neuron '{self.name}': no equation assigns '{name}'")
        for target, expression in self.equations:
            for node in ast.walk(_parsed(expression)):
                if isinstance(node, ast.Name) and node.id not in self._known:
                    raise NexusError(f"neuron '{self.name}': equation of '{target}' names the unknown '{node.id}'")

    @property
    def _known(self) -> set[str]:
        names = {*self.states, "a", *_FUNCTIONS}
        return names | {name for name, _ in self.constants} | {name for name, _ in self.equations}

    def start(self, shape: tuple[int, ...]) -> dict[str, Integers]:
        """The states of neurons [shape] when a window begins."""
        return {name: np.zeros(shape, np.int64) for name in self.states}

    def step(self, states: dict[str, Integers], arrived: Integers) -> Integers:
        """What neurons send after `arrived` [shape] came in; changes their states."""
        names: dict[str, Any] = {**states, **dict(self.constants), "a": arrived}
        for target, expression in self.equations:
            names[target] = _value(_parsed(expression), names, _ARRAYS)
        for name in self.states:
            states[name] = np.broadcast_to(np.asarray(names[name], np.int64), arrived.shape)
        return np.array(np.broadcast_to(np.asarray(names[self.sends], np.int64), arrived.shape))

    def __str__(self) -> str:
        lines = [f"{target} = {expression}" for target, expression in self.equations]
        return "; ".join([*(f"{name} = {value}" for name, value in self.constants), *lines, f"sends {self.sends}"])


@lru_cache(maxsize=256)
def ranges(neuron: StatefulNeuron, arrives: Range) -> dict[str, Range]:
    """Between which numbers everything that a neuron assigns lies, over all steps and all that may arrive.

    Found by repeating the step on intervals until no state's interval grows.

    Raises:
        NexusError: a state can leave 24 bits, a payload or a number on the way 32 bits.
    """
    states: dict[str, Range] = dict.fromkeys(neuron.states, (0, 0))
    for _ in range(_MOST_STEPS):
        found: dict[str, Range] = {**states, "a": arrives}
        found |= {name: (value, value) for name, value in neuron.constants}
        for target, expression in neuron.equations:
            found[target] = _value(_parsed(expression), found, _INTERVALS)
            limit = STATE if target in neuron.states else PAYLOAD
            if max(abs(found[target][0]), abs(found[target][1])) > limit:
                raise NexusError(
                    f"neuron '{neuron.name}': '{target}' can reach {_worst(found[target])}, beyond {limit} in size, "
                    f"where {arrives[0]} to {arrives[1]} arrives"
                )
        grown = {name: _hull(states[name], found[name]) for name in neuron.states}
        if grown == states:
            return found
        states = grown
    raise NexusError(f"neuron '{neuron.name}': its states still grow after {_MOST_STEPS} steps")


def _worst(span: Range) -> int:
    return max(span, key=abs)


def _hull(*spans: Range) -> Range:
    return min(low for low, _ in spans), max(high for _, high in spans)


@lru_cache(maxsize=4096)
def _parsed(expression: str) -> ast.expr:
    try:
        return ast.parse(expression, mode="eval").body
    except SyntaxError:
        raise NexusError(f"equation '{expression}' of a neuron is no expression") from None


def _value(node: ast.expr, names: Mapping[str, Any], algebra: Mapping[str, Callable[..., Any]]) -> Any:
    """An expression in an algebra: of arrays, or of intervals."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return algebra["number"](node.value)
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.BinOp) and type(node.op).__name__ in algebra:
        return algebra[type(node.op).__name__](_value(node.left, names, algebra), _value(node.right, names, algebra))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return algebra["Sub"](algebra["number"](0), _value(node.operand, names, algebra))
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        sides = (_value(side, names, algebra) for side in (node.left, node.comparators[0]))
        return algebra["compare"](type(node.ops[0]).__name__, *sides)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
        return algebra[node.func.id](*(_value(argument, names, algebra) for argument in node.args))
    raise NexusError(f"equation of a neuron holds '{ast.unparse(node)}', which no neuron evaluates")


_FUNCTIONS = ("where", "min", "max")
_COMPARES: dict[str, Callable[[Any, Any], Any]] = {
    "Eq": np.equal,
    "NotEq": np.not_equal,
    "Lt": np.less,
    "LtE": np.less_equal,
    "Gt": np.greater,
    "GtE": np.greater_equal,
}


def _bit(compare: str, x: Any, y: Any) -> Any:
    return _COMPARES[compare](x, y).astype(np.int64)


_ARRAYS: dict[str, Callable[..., Any]] = {
    "number": np.int64,
    "Add": np.add,
    "Sub": np.subtract,
    "Mult": np.multiply,
    "FloorDiv": np.floor_divide,
    "Mod": np.mod,
    "BitAnd": np.bitwise_and,
    "BitOr": np.bitwise_or,
    "compare": _bit,
    "where": lambda condition, this, other: np.where(condition != 0, this, other),
    "min": np.minimum,
    "max": np.maximum,
}


def _product(x: Range, y: Range) -> Range:
    corners = [p * q for p in x for q in y]
    return min(corners), max(corners)


def _divided(x: Range, y: Range) -> Range:
    return x[0] // _constant(y), x[1] // _constant(y)


def _remainder(x: Range, y: Range) -> Range:
    size = _constant(y)
    return x if x[0] >= 0 and x[1] < size else (0, size - 1)


def _constant(x: Range) -> int:
    if x[0] != x[1] or x[0] < 1:
        raise NexusError(f"a neuron divides by {x[0]} to {x[1]}, which is no positive constant")
    return x[0]


def _compared(compare: str, x: Range, y: Range) -> Range:
    """(0, 0) or (1, 1) where the ranges decide."""
    low, high = x[0] - y[1], x[1] - y[0]
    sure = {
        "Lt": (high < 0, low >= 0),
        "LtE": (high <= 0, low > 0),
        "Gt": (low > 0, high <= 0),
        "GtE": (low >= 0, high < 0),
        "Eq": (low == high == 0, low > 0 or high < 0),
        "NotEq": (low > 0 or high < 0, low == high == 0),
    }[compare]
    return int(sure[0]), int(not sure[1])


def _chosen(condition: Range, this: Range, other: Range) -> Range:
    if condition == (0, 0):
        return other
    return this if condition[0] > 0 or condition[1] < 0 else _hull(this, other)


def _bits_only(x: Range, y: Range) -> None:
    for span in (x, y):
        if span[0] < 0 or span[1] > 1:
            raise NexusError(f"a neuron's & and | take 0 or 1, not {span[0]} to {span[1]}")


def _both(x: Range, y: Range) -> Range:
    _bits_only(x, y)
    return x[0] & y[0], x[1] & y[1]


def _either(x: Range, y: Range) -> Range:
    _bits_only(x, y)
    return x[0] | y[0], x[1] | y[1]


_INTERVALS: dict[str, Callable[..., Any]] = {
    "number": lambda value: (value, value),
    "Add": lambda x, y: (x[0] + y[0], x[1] + y[1]),
    "Sub": lambda x, y: (x[0] - y[1], x[1] - y[0]),
    "Mult": _product,
    "FloorDiv": _divided,
    "Mod": _remainder,
    "BitAnd": _both,
    "BitOr": _either,
    "compare": _compared,
    "where": _chosen,
    "min": lambda x, y: (min(x[0], y[0]), min(x[1], y[1])),
    "max": lambda x, y: (max(x[0], y[0]), max(x[1], y[1])),
}
