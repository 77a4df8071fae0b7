"""Operators of LIF populations by name, each built once, and which layers of a model they stand in for.

Gated ones are x / (1 + r(x)), r by chords. SiLU: r(x) = exp(-x), as published (NLSpike, arXiv 2605.20289). GELU:
r(x) = P(X > x) / P(X < x) of a normal X, which makes x / (1 + r) exactly x P(X < x); ours, the paper has no GELU.
Beyond -H the result is 0, beyond H it is x, rounded down. Division, exponentiation and l2 norm are networks of their
own too, each with its integer program.

The linear layer is that of an ordinary converted SNN, quantised activations as signed spike counts over T steps.
Encoder neuron k integrates c_k = sum over t of s_k(t) and sends at most L of it a step, signed, until it is empty;
synapses carry 8-bit weights; a pair of integrators per output holds sum_k W_nk c_k and its negative, and sends when
the read strobe arrives, T steps after the load. T * L is the largest count. Source: the pipelines that NLSpike plugs
into (SpikeZIP-TF, SpikeLLM), as arXiv 2605.20289 names them; the encoder is ours.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.formats import IntegerFormat
from lava_nexus.neurons.built import Computed
from lava_nexus.neurons.model import NeuronModel
from lava_nexus.populations.builder import PopulationBuilder, each, matrix
from lava_nexus.populations.chords import Function, look_up
from lava_nexus.populations.division import Ladders, divide, quotient, quotient_terms
from lava_nexus.populations.fixed_point import GATE, WIDTH, Integers, shifted
from lava_nexus.populations.network import Population, PopulationNetwork, Projection, Readout, check_populations
from lava_nexus.populations.normalisation import exponent_fraction, layer_norm, rms_norm, softmax
from lava_nexus.populations.normalisation import exponential_table as exponential_table
from lava_nexus.populations.operator import DEFAULT, Operator, Options
from lava_nexus.populations.vectoring import Tree, golden_norm, norm

WEIGHT_MAX = 127

_DRAINS = NeuronModel(beta=1.0, reset="soft")
_INTEGRATES = NeuronModel(beta=1.0, reset="hard")


def spiking_linear(weights: Integers, steps: int, bits: int) -> Operator:
    """y = W c for integer weights [N, K] of 8 bits and counts c of `bits` bits and a sign, in `steps` time steps.

    Raises:
        NexusError: weights beyond 8 bits, counts that the steps do not divide, or a sum that 24 bits cannot hold.
    """
    outputs, inputs = weights.shape
    if np.abs(weights).max(initial=0) > WEIGHT_MAX:
        raise NexusError(f"weight {np.abs(weights).max()} of a spiking linear layer is beyond {WEIGHT_MAX} in size")
    most = 1 << bits
    if not 1 <= steps <= 32 or most % steps:
        raise NexusError(f"{steps} time steps do not divide the {most} levels of a spike count, or are outside 1..32")
    largest = int(np.abs(weights).sum(axis=1).max(initial=0)) * most
    if largest >= GATE:
        raise NexusError(f"sum {largest} of {inputs} spiking inputs can reach 2^{WIDTH}: use fewer levels")
    network = _network(weights, steps, most // steps)

    def golden(c: Integers) -> Integers:
        return np.asarray(c @ weights.T)

    options = (("steps", steps), ("bits", bits))
    return Operator(
        "linear",
        inputs,
        outputs,
        network,
        Computed(golden, "program"),
        IntegerFormat(bits + 1),
        IntegerFormat(largest.bit_length() + 1),
        0,
        0,
        (*options, ("outputs", outputs)),
    )


def _network(weights: Integers, steps: int, most: int) -> PopulationNetwork:
    outputs, inputs = weights.shape
    rows, columns = np.nonzero(weights)
    values = weights[rows, columns]
    last = steps + 1
    populations = (
        Population("strobe", 1, "signed"),
        Population("x", inputs, "signed"),
        Population("encoder", inputs, "signed", 1, 1, _DRAINS, most),
        Population("plus", outputs, "graded", last, 1, _INTEGRATES),
        Population("minus", outputs, "graded", last, 1, _INTEGRATES),
    )
    own = np.arange(inputs)
    projections = [Projection(1, 2, own, own, np.ones(inputs, np.int64))]
    for target, sign in ((3, 1), (4, -1)):
        every, none = np.arange(outputs), np.zeros(outputs, np.int64)
        projections += [
            Projection(2, target, rows, columns, sign * values),
            Projection(0, target, every, none, np.full(outputs, -GATE)),
            Projection(0, target, every, none, np.full(outputs, GATE), 0, steps),
        ]
    network = PopulationNetwork(populations, 2, tuple(projections), (Readout("y", 3, 4),), last + 1)
    check_populations(network)
    return network


IN_BITS = 17  # a LIF neuron can compare what has 17 bits with sign with any bound


def silu(size: int, options: Options) -> Operator:
    """x / (1 + exp(-x)), element by element."""
    return _gated("silu", np.exp, options, 5.0)


def gelu(size: int, options: Options) -> Operator:
    """x P(X < x), X normal, element by element."""
    return _gated("gelu", normal_ratio, options, 3.0)


def normal_ratio(a: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(X < a) / P(X > a)."""
    return np.array([math.erfc(-v / math.sqrt(2)) / math.erfc(v / math.sqrt(2)) for v in a])


def _gated(name: str, ratio: Function, options: Options, default: float) -> Operator:
    high = options.interval(default)
    fraction = exponent_fraction(1 + float(ratio(np.array([high]))[0]))
    table = options.chords(ratio, high, fraction)
    bound = round(high * 2 ** options.fraction())
    room = math.ceil(math.log2(high)) if high > 1 else 0
    ladders = options.ladders(options.grid_bits + room)
    up = fraction - options.fraction() - room
    spare = options.fraction() - options.grid_bits

    def golden(x: Integers) -> Integers:
        inside = np.abs(x) <= bound
        divisor = table(bound - x + 1) + (1 << fraction)
        q = quotient(shifted(np.where(inside, np.abs(x), 0), -up)[..., None].reshape(-1, 1), divisor.ravel(), ladders)
        q = q.reshape(x.shape)
        return np.where(x > bound, shifted(x, spare), np.where(x > 0, q, np.where((x < 0) & inside, -q - 1, 0)))

    b = PopulationBuilder()
    x = b.input("x", 1)
    plus, minus = b.graded("plus", 1, each(x)), b.graded("minus", 1, each(x, -1))
    above = b.bits("above", 1, each(x), each(b.strobe, -bound))
    below = b.bits("below", 1, each(x, -1), each(b.strobe, -bound))
    negative = b.bits("negative", 1, each(x, -1))
    offset = b.graded("offset", 1, each(x, -1), each(b.strobe, bound + 1))
    divisor = b.graded("divisor", 1, *look_up(b, offset, table, bounded=False), each(b.strobe, 1 << fraction))
    inside = b.graded("inside", 1, each(plus), each(minus), each(above, -GATE), each(below, -GATE))
    dividend = b.graded("dividend", 1, each(inside, 1 << max(up, 0), max(-up, 0)))
    beyond = b.graded("beyond", 1, each(plus), each(above, GATE), each(b.strobe, -GATE))
    within = b.bits("within", 1, each(negative), each(below, -1))
    q = quotient_terms(divide(b, dividend, divisor, ladders), 1)
    bypass = each(beyond, 1 << max(-spare, 0), max(spare, 0))
    y = b.graded("y", 1, *q, bypass, each(negative, -GATE))
    y_negative = b.graded("y_negative", 1, *q, each(within, GATE + 1), each(b.strobe, -GATE))
    return Operator(
        name,
        1,
        1,
        b.finish([("y", y, y_negative)]),
        Computed(golden, "program"),
        IntegerFormat(IN_BITS),
        IntegerFormat(IN_BITS + max(0, -spare) + 1),
        options.fraction(),
        options.grid_bits,
        options.changed(),
    )


_PLAIN = {"softmax": softmax, "silu": silu, "gelu": gelu}
_NORMS = {"rms_norm": rms_norm, "layer_norm": layer_norm}

OPERATORS = (*_PLAIN, *_NORMS)
"""Names of all operators that have a form in LIF populations."""


def check_operator(name: str) -> None:
    """Raises NexusError where an operator has no form in LIF populations."""
    if name not in OPERATORS:
        near = difflib.get_close_matches(name, OPERATORS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(OPERATORS)}"
        raise NexusError(f"operator '{name}' has no replacement by LIF populations; {hint}")


def operator(name: str, size: int = 1, options: Options = DEFAULT, eps: float = 1e-5) -> Operator:
    """The operator over rows of `size`; `eps` is of the norms. SiLU and GELU take one element whatever the size.

    Raises:
        NexusError: there is none of that name, or the options make none.
    """
    check_operator(name)
    return _made(name, size, options, eps if name in _NORMS else 0.0)


@lru_cache(maxsize=256)
def _made(name: str, size: int, options: Options, eps: float) -> Operator:
    return _NORMS[name](size, options, eps) if name in _NORMS else _PLAIN[name](size, options)


@dataclass(frozen=True)
class Nonlinear:
    """Which nonlinear operators are LIF populations; all others are gates.

    Attributes:
        replaced: options by the operator's name.
        layers: only in these layers (dotted paths); None for all.
    """

    replaced: Mapping[str, Options] = field(default_factory=dict)
    layers: frozenset[str] | None = None

    def __post_init__(self) -> None:
        for name in self.replaced:
            check_operator(name)

    def options(self, name: str, layer: str) -> Options | None:
        """Options of an operator in a layer; None where it stays gates."""
        return self.replaced.get(name) if self.layers is None or layer in self.layers else None


GATES = Nonlinear()
"""Everything by gates."""


@dataclass(frozen=True)
class SpikingLinear:
    """Linear layers as signed spike counts.

    Attributes:
        steps: T, time steps of a count.
        bits: counts lie in -2^bits .. 2^bits - 1.
        ranges: largest magnitude of the operand by layer, from calibration; a count of 2^bits - 1 stands for it.
        layers: only these layers; None for all.
    """

    steps: int
    bits: int
    ranges: Mapping[str, float]
    layers: frozenset[str] | None = None

    def takes(self, layer: str) -> bool:
        """Whether a layer is computed by spike counts."""
        return self.layers is None or layer in self.layers


@dataclass(frozen=True, eq=False)
class Primitive:
    """A network and what it must equal.

    Attributes:
        network: the neurons.
        golden: int64 [sets, size] by input name to those by output name, in integers (the reference).
    """

    network: PopulationNetwork
    golden: Callable[[Mapping[str, Integers]], dict[str, Integers]]


def division(how: Ladders, dividends: int = 1) -> Primitive:
    """`quotient` [dividends] of `dividend` [dividends] by `divisor` [1]."""
    b = PopulationBuilder()
    x, d = b.input("dividend", dividends), b.input("divisor", 1)
    q = b.graded("quotient", dividends, *quotient_terms(divide(b, x, d, how), dividends))
    return Primitive(
        b.finish([("quotient", q, None)]),
        lambda feeds: {"quotient": quotient(feeds["dividend"], feeds["divisor"][:, 0], how)},
    )


def exponentiation(options: Options = DEFAULT, size: int = 1) -> Primitive:
    """`exponential` [size] of `x` [size], fixed point; 0 below -H, clamped above H."""
    table, _ = exponential_table(options)
    low = table.length // 2 + 1
    b = PopulationBuilder()
    x = b.input("x", size)
    offset = b.graded("offset", size, each(x), matrix(b.strobe, range(size), 0, low))
    y = b.graded("exponential", size, *look_up(b, offset, table, bounded=False))
    return Primitive(b.finish([("exponential", y, None)]), lambda feeds: {"exponential": table(feeds["x"] + low)})


def l2_norm(tree: Tree) -> Primitive:
    """`norm` [1], tree.gain times the l2 norm of `x` [tree.size]."""
    b = PopulationBuilder()
    x = b.input("x", tree.size)
    plus, minus = b.graded("plus", tree.size, each(x)), b.graded("minus", tree.size, each(x, -1))
    y = norm(b, b.graded("size", tree.size, each(plus), each(minus)), tree)
    return Primitive(
        b.finish([("norm", y, None)]), lambda feeds: {"norm": golden_norm(np.abs(feeds["x"]), tree)[:, None]}
    )
