"""What is asked of a mapping: the programs of a token, how many instances each circuit gets, where words are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Literal

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.populations.native.pair_core import PairCore
from lava_nexus.programs.nodes import Contract, Rearrange, Reduce, Value
from lava_nexus.programs.product import Native, Paired
from lava_nexus.programs.program import Program

_FORM = re.compile(r"(?P<kind>folded|fit)\s*:\s*(?P<key>chips\s*=)?\s*(?P<number>-?\d+)")


WEIGHT = "weight."
CACHED = ("key", "value")


@dataclass(frozen=True)
class Workload:
    """Programs that run one after the other on shared instances.

    Inputs named `weight.<role>` are weights, those named `key` and `value` what the cache holds, all others are fed in
    and kept in registers. Constants of more than one element are weights too.

    Attributes:
        name: for reports.
        sections: (program, how often it runs).
    """

    name: str
    sections: tuple[tuple[Program, int], ...]

    @classmethod
    def of(cls, program: Program) -> Workload:
        """One program, run once a token."""
        return cls(program.name, ((program, 1),))

    @property
    def invocations(self) -> dict[str, tuple[Circuit | NativePart, int]]:
        """(circuit or native part, operand sets a token) by digest; those that are never invoked left out."""
        found: dict[str, tuple[Circuit | NativePart, int]] = {}
        for program, times in self.sections:
            native = [(layer, one, count) for layer, one, count in program.operators() if isinstance(one, NativePart)]
            if len(native) < len(list(program.operators())):
                program.refuse_operators("a placement on cores")
            invoked: list[tuple[str, Circuit | NativePart, int]] = [*program.invocations(), *native]
            for _, circuit, count in invoked:
                if count:
                    before = found.get(circuit.digest, (circuit, 0))[1]
                    found[circuit.digest] = circuit, before + times * count
        return found

    @property
    def layers(self) -> dict[str, int]:
        """Instances a token of a native part that is one node's own, by the part's digest.

        Of a layer's weights one, of products of activations one for each matrix that they hold, of sums of values one
        for each.
        """
        found: dict[str, int] = {}
        for program, times in self.sections:
            for node in program.nodes:
                for part, count in node.populations() if isinstance(node, Contract | Reduce) else []:
                    held = count if isinstance(part.network, PairCore) else 1
                    found[part.digest] = found.get(part.digest, 0) + times * held
        return found

    def words(self, what: str) -> int:
        """Words of all sections that are "weights", "cache", "inputs" or "outputs"."""
        return sum(times * _words(program, what) for program, times in self.sections)


@dataclass(frozen=True)
class Strategy:
    """What decides the instances.

    unrolled: an instance for every invocation. folded: ceil(invocations / number) instances of each circuit. fit: the
    least folding with which everything lies on `number` chips.

    Attributes:
        kind: which of these.
        number: invocations that share an instance, or chips; 1 for `unrolled`.
    """

    kind: Literal["unrolled", "folded", "fit"]
    number: int = 1

    def __str__(self) -> str:
        if self.kind == "unrolled":
            return "unrolled"
        return f"folded: {self.number}" if self.kind == "folded" else f"fit: chips={self.number}"

    @classmethod
    def of(cls, text: str | Strategy) -> Strategy:
        """From "unrolled", "folded: k" or "fit: chips=n".

        Raises:
            NexusError: the text is none of these, or its number is below 1.
        """
        if isinstance(text, Strategy):
            return text
        if text.strip() == "unrolled":
            return cls("unrolled")
        found = _FORM.fullmatch(text.strip())
        if not found or (found["kind"] == "fit") != bool(found["key"]):
            raise NexusError(f"strategy '{text}' is none of 'unrolled', 'folded: k' and 'fit: chips=n'")
        number = int(found["number"])
        if number < 1:
            raise NexusError(f"strategy '{text}': {number} is below 1")
        return cls("folded" if found["kind"] == "folded" else "fit", number)


Where = Literal["chip", "host"]


@dataclass(frozen=True)
class Memory:
    """What is kept on the chip, and what the host feeds in when it is needed.

    Attributes:
        registers, weights, cache: where. Weights of native layers are their synapses, on the chip always.
        words: what holds a word on the chip: gates that feed themselves, or neurons with states.
    """

    registers: Where = "chip"
    weights: Where = "host"
    cache: Where = "host"
    words: Literal["gates", "neurons"] = "gates"


def word_bits(workload: Workload) -> int:
    """Bits of the widest value."""
    return max(node.result.format.bits for program, _ in workload.sections for node in program.nodes)


def kept_inputs(program: Program) -> frozenset[int]:
    """Numbers of the inputs that are neither weights nor cache."""
    return frozenset(v.number for name, v in program.inputs.items() if _sort(name) == "inputs")


def cached_values(workload: Workload) -> list[tuple[int, int, int]]:
    """(bits, positions, channels) of keys and values, all sections together."""
    found: dict[tuple[int, int], int] = {}
    for program, times in workload.sections:
        for name, value in program.inputs.items():
            if _sort(name) == "cache" and value.number not in held_values(program):
                positions = value.shape[-2] if len(value.shape) > 1 else 1
                key = value.format.bits, positions
                found[key] = found.get(key, 0) + times * prod(value.shape) // max(1, positions)
    return [(bits, positions, channels) for (bits, positions), channels in sorted(found.items())]


def held_values(program: Program) -> set[int]:
    """Numbers of the inputs that product neurons hold, and nothing else reads: keys and values of earlier tokens."""
    comes_of = {v.number: {v.number} for v in program.inputs.values()}
    held: set[int] = set()
    other: set[int] = set()
    for node in program.nodes:
        paired = isinstance(node, Contract) and isinstance(node.product, Paired)
        for i, value in enumerate(node.operands):
            found = comes_of.get(value.number, set())
            if isinstance(node, Rearrange):
                comes_of.setdefault(node.result.number, set()).update(found)
            elif paired and i == 1:
                held |= found
            else:
                other |= found
    return held - other


def native_weights(program: Program) -> set[int]:
    """Numbers of the matrices that are synapses of native layers, and of nothing else."""
    native: set[int] = set()
    other: set[int] = {v.number for v in program.outputs.values()}
    for node in program.nodes:
        matrix = node.operands[1].number if isinstance(node, Contract) and isinstance(node.product, Native) else None
        other |= {v.number for v in node.operands if v.number != matrix}
        native |= set() if matrix is None else {matrix}
    return native - other


def _words(program: Program, what: str) -> int:
    if what == "outputs":
        return _sum(program.outputs.values())
    native = native_weights(program)
    native |= held_values(program) if what == "cache" else set()
    found = _sum(v for name, v in program.inputs.items() if _sort(name) == what and v.number not in native)
    constants = sum(p.size for number, p in program.constants.items() if p.size > 1 and number not in native)
    return found + (constants if what == "weights" else 0)


def _sort(name: str) -> str:
    return "weights" if name.startswith(WEIGHT) else "cache" if name in CACHED else "inputs"


def _sum(values: Iterable[Value]) -> int:
    return sum(prod(value.shape) for value in values)
