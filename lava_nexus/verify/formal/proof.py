"""A circuit's proof: no operands in any case make the neurons answer otherwise than SMT-LIB does.

Proven cases are kept on disk, so that an interrupted run continues with those that are left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from lava_nexus.circuits.circuit import Circuit
from lava_nexus.disk_cache import source_digest
from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat, NumberFormat
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.store import Store
from lava_nexus.verify.formal.division import DivisionObligation
from lava_nexus.verify.formal.product import ProductObligation
from lava_nexus.verify.formal.solve import Answer, SubtractionObligation, satisfiable
from lava_nexus.verify.formal.specification import correct
from lava_nexus.verify.formal.terms import Split, Term, Terms, solver_name, split
from lava_nexus.verify.formal.translation import translate

COVERAGE = "the cases cover all operands"


class Obligation:
    """What is to be shown of a network: for all operands its output is the operation's answer.

    Attributes:
        operation: as in `lava_nexus.circuits.OPERATIONS`.
        fmt: format of the operands.
        to: format of the result; that of the operands for a predicate.
        network: the neurons.
        options: of the operation, which say what its answer is.
    """

    def __init__(
        self,
        operation: str,
        fmt: NumberFormat,
        to: NumberFormat,
        network: ThresholdNetwork,
        how: Split,
        options: Mapping[str, Any],
    ) -> None:
        self.operation, self.fmt, self.to, self.network, self.options = operation, fmt, to, network, options
        self._terms = Terms()
        self._operands = [self._terms.variable(port.name, port.width) for port in network.inputs]
        self._cases = {case.name: case.condition for case in split(self._terms, how, fmt, self._operands)}

    @property
    def cases(self) -> list[str]:
        """Names of what is to be proven; the last one is that the others are all there is."""
        return [*self._cases, *([COVERAGE] if len(self._cases) > 1 else [])]

    @cached_property
    def _wrong(self) -> Term:
        """True where the network's answer is wrong."""
        named = {port.name: term for port, term in zip(self.network.inputs, self._operands, strict=True)}
        (result,) = translate(self._terms, self.network, named).values()
        return self._terms.not_(
            correct(self._terms, self.operation, self.fmt, self.to, self._operands, result, **self.options)
        )

    def prove(self, case: str, limit: float) -> Answer:
        """`unsat` proves the case; `sat` carries patterns of operands that refute it."""
        if case == COVERAGE:
            none = [self._terms.not_(condition) for condition in self._cases.values()]
            return satisfiable(self._terms, none, limit=limit)
        return satisfiable(self._terms, [self._cases[case], self._wrong], self._operands, limit)


AnyObligation: TypeAlias = Obligation | ProductObligation | DivisionObligation | SubtractionObligation


def obligation(circuit: Circuit, how: Split = "none", adder: Circuit | None = None) -> AnyObligation:
    """What is to be shown of a circuit.

    Args:
        circuit: the circuit.
        how: into cases.
        adder: for `addition`, the circuit of add that is proven.

    Raises:
        NexusError: a split that is not for the operation.
    """
    fmt, to = circuit.inputs[0].format, circuit.output.format
    assert fmt is not None
    if circuit.name == "convert":
        assert to is not None
        return Obligation(circuit.name, fmt, to, circuit.network, how, dict(circuit.options))
    assert isinstance(fmt, FloatFormat)
    target = to if isinstance(to, FloatFormat) else fmt
    if how == "addition":
        if circuit.name != "sub" or adder is None:
            raise NexusError(f"split 'addition' is for sub, not for {circuit.name}")
        return SubtractionObligation(fmt, circuit.network, adder.network)
    if how == "digits":
        if circuit.name != "div":
            raise NexusError(f"split 'digits' is for div, not for {circuit.name}")
        return DivisionObligation(fmt, circuit.network)
    if how == "product":
        if circuit.name != "mul":
            raise NexusError(f"split 'product' is for mul, not for {circuit.name}")
        return ProductObligation(fmt, target, circuit.network)
    return Obligation(circuit.name, fmt, target, circuit.network, how, {})


def method() -> str:
    """What a proven case is valid for, beside the network: the solver and the sources that put the question to it."""
    return f"{solver_name()} {source_digest(*map(str, sorted(Path(__file__).parent.glob('*.py'))))}"


@dataclass
class Progress:
    """The cases of one network that are proven.

    Attributes:
        store: where they are kept.
        key: what they are valid for.
        proven: seconds of each by its name.
    """

    store: Store
    key: str
    proven: dict[str, float] = field(default_factory=dict)

    @staticmethod
    def of(folder: Path, network: str, question: str) -> Progress:
        """What the folder holds on a question about a network; a fresh start where it is nothing or damaged."""
        key = f"{network} {question} {method()}"
        store = Store(folder, "proof", {}, sources=method())
        piece = store.recall(key)
        return Progress(store, key, {} if piece is None else dict(piece.values["proven"]))

    def add(self, case: str, seconds: float) -> None:
        """Notes a proven case, at once and for good."""
        self.proven[case] = round(seconds, 2)
        self.store.remember(self.key, {"proven": self.proven})
