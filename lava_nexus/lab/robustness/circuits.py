"""Circuits of the robustness tables: the small published ones, and ways to build any circuit so that it stands more.

Gates, a 4-bit adder, a 4 x 4 multiplier, a barrel shifter; wider margins, copies that vote, copies whose parity is
compared. All of it is neurons.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.cells import Basis, Word, basis_named, weighted
from lava_nexus.errors import NexusError
from lava_nexus.neurons import LOIHI2, Port, ThresholdNetwork
from lava_nexus.neurons.built import Computed

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
    "not": Logic((1,), lambda on, x: [on.not_(x[0][0])], lambda a: a ^ 1, "NOT of a bit"),
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


def scaled(circuit: Circuit, factor: int = 0, first: int = 0) -> Circuit:
    """Weights and threshold of every neuron times the factor, or 0 for as far as the hardware limits let.

    Every margin grows by the neuron's own factor s: [s sum >= s T - (s - 1) // 2] is the same gate, with s - 1 units
    between the sums that matter. `first` leaves the neurons before it as they are.
    """
    network = circuit.network
    at, weights = network.targets, network.weights
    heaviest = np.zeros(network.neurons, np.int64)
    np.maximum.at(heaviest, at, np.abs(weights))
    sums = [np.bincount(at, np.maximum(sign * weights, 0), network.neurons) for sign in (1, -1)]
    room = np.minimum(
        LOIHI2.weight_max // np.maximum(heaviest, 1), LOIHI2.max_weighted_sum // np.maximum(2 * np.maximum(*sums), 1)
    ).astype(np.int64)
    scale = np.maximum(np.minimum(room, factor) if factor else room, 1)
    scale[:first] = 1
    return _grown(circuit, scale)


def equal_thresholds(circuit: Circuit) -> Circuit:
    """Every neuron scaled by an odd factor of its own, so that all thresholds are the same, as a leaky LIF needs it.

    T - 1/2 becomes half of the least common multiple of all 2T - 1.
    """
    odd = 2 * circuit.network.thresholds.astype(np.int64) - 1
    return _grown(circuit, math.lcm(*odd.tolist()) // odd)


def _grown(circuit: Circuit, scale: NDArray[np.int64]) -> Circuit:
    network = circuit.network
    grown = replace(
        network,
        weights=(network.weights * scale[network.targets]).astype(np.int32),
        thresholds=(network.thresholds * scale - (scale - 1) // 2).astype(np.int32),
    )
    return replace(circuit, network=grown)


def voted(circuit: Circuit, copies: int) -> Circuit:
    """`copies` of the circuit on the same operands, and a majority neuron for every output bit.

    Raises:
        NexusError: an even or too small number of copies.
    """
    if copies < 3 or copies % 2 == 0:
        raise NexusError(f"a vote of {copies} copies is not one of 3, 5, 7, ...")
    assembly = _Assembly.of(circuit.network, copies)
    level = circuit.depth + 1
    votes = [
        assembly.add([(s, 1) for s in column], (copies + 1) // 2, level)
        for column in zip(*assembly.outputs, strict=True)
    ]
    port = replace(circuit.output, signals=tuple(votes))
    return replace(circuit, network=assembly.finish(circuit.network, port))


def checked(circuit: Circuit) -> Circuit:
    """Two copies; the result of the first, and before its MSB a flag: the parity of all bits of both, 1 for unequal.

    The parity is taken as the lowest bit of the number of ones, whose bits come off from the top, a neuron each. Its
    golden function is that of the circuit, the flag 0. An even number of unequal bits goes unseen.
    """
    assembly = _Assembly.of(circuit.network, 2)
    ones = [(signal, 1) for copy in assembly.outputs for signal in copy]
    level = circuit.depth
    off: list[tuple[int, int]] = []
    for i in range(len(ones).bit_length() - 1, -1, -1):
        level += 1
        bit = assembly.add([*ones, *off], 1 << i, level)
        off.append((bit, -(1 << i)))
    flag = off[-1][0]
    held = [assembly.add([(signal, 1)], 1, level, relay=True) for signal in assembly.outputs[0]]
    port = Port(circuit.output.name, (flag, *held))

    def golden(*operands: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return circuit.golden(*operands).astype(port.pattern_dtype)

    return replace(
        circuit, network=assembly.finish(circuit.network, port), golden=Computed(golden, circuit.golden.known)
    )


@dataclass
class _Assembly:
    """A network under construction: copies of one, then single neurons.

    Attributes:
        inputs: signals of strobe and operands.
        terms, thresholds, levels, relay: by neuron.
        outputs: signals of the output port of every copy.
    """

    inputs: int
    terms: list[Sequence[tuple[int, int]]] = field(default_factory=list)
    thresholds: list[int] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    relay: list[bool] = field(default_factory=list)
    outputs: list[tuple[int, ...]] = field(default_factory=list)

    @staticmethod
    def of(network: ThresholdNetwork, copies: int) -> _Assembly:
        made = _Assembly(network.n_inputs)
        for copy in range(copies):
            shift = copy * network.neurons

            def moved(signal: int, shift: int = shift) -> int:
                return signal if signal < network.n_inputs else signal + shift

            for k in range(network.neurons):
                sources, weights = network.synapses_of(k)
                terms = [(moved(s), w) for s, w in zip(sources.tolist(), weights.tolist(), strict=True)]
                made.add(terms, int(network.thresholds[k]), int(network.levels[k]), bool(network.relay[k]))
            made.outputs.append(tuple(moved(s) for s in network.outputs[0].signals))
        return made

    def add(self, terms: Sequence[tuple[int, int]], threshold: int, level: int, relay: bool = False) -> int:
        self.terms.append(terms)
        self.thresholds.append(threshold)
        self.levels.append(level)
        self.relay.append(relay)
        return self.inputs + len(self.terms) - 1

    def finish(self, network: ThresholdNetwork, output: Port) -> ThresholdNetwork:
        flat = [term for terms in self.terms for term in terms]
        return ThresholdNetwork(
            inputs=network.inputs,
            outputs=(output,),
            offsets=np.concatenate([[0], np.cumsum([len(terms) for terms in self.terms])]).astype(np.int64),
            sources=np.array([source for source, _ in flat], np.int32),
            weights=np.array([weight for _, weight in flat], np.int32),
            thresholds=np.array(self.thresholds, np.int32),
            levels=np.array(self.levels, np.int32),
            relay=np.array(self.relay, np.bool_),
            max_delay=network.max_delay,
        )
