"""A schedule: when each circuit invocation of a program is issued, and on which instance, as data.

Circuits are pipelines: an instance takes one operand set a time step and answers `depth` steps later. An invocation
issued at step t on a circuit of depth d has its result at step t + d; through selector and register it can be an
operand from step t + d + handover on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativePart
from lava_nexus.populations.network import PopulationNetwork
from lava_nexus.programs.program import Program

Role = Literal["apply", "fold", "multiply", "add", "take", "stage", "result"]
FINAL = ("apply", "fold", "add", "result")
"""Roles of rounds that give a node's result."""


@dataclass(frozen=True)
class Pool:
    """Instances of one circuit that share the invocations of a program."""

    circuit: Circuit | NativePart
    instances: int

    @property
    def gates(self) -> Circuit:
        """The circuit of a pool that holds no part of a native layer."""
        assert isinstance(self.circuit, Circuit)
        return self.circuit

    @property
    def interval(self) -> int:
        """Steps from one operand set of an instance to the next: more than 1 where neurons keep states."""
        return self.circuit.network.window if isinstance(self.circuit, NativePart) else 1

    @property
    def own(self) -> bool:
        """Whether each node has instances of its own: its weights are synapses, or what it holds stands in neurons."""
        return isinstance(self.circuit, NativePart) and not isinstance(self.circuit.network, PopulationNetwork)

    @property
    def lanes(self) -> int:
        """Instances that the elements of a round are dealt to."""
        return 1 if self.own else self.instances


@dataclass(frozen=True)
class Round:
    """Invocations at a regular pace: those of turn j, element i start at step start + j * period + i // instances.

    Attributes:
        node: index of the node in the program.
        pool: index of the pool in the schedule.
        role: `apply`; `fold` of a Reduce (turn j folds in element j + 1); of a Contract `multiply` (turn j makes the
            products of index j) or `add` (turn j adds the product of index j + 1). Of sums in several circuits, one
            behind the other, `take` (reads operands), `stage`s and `result`; elements are then those of the stage, and
            `first` of a native sum's `take` is the number of the operand.
        first, count: elements first .. first + count of the node's result, in order; element i on instance
            i % instances.
        start: first time step.
        turns, period: how often, and after how many steps again.
    """

    node: int
    pool: int
    role: Role
    first: int
    count: int
    start: int
    turns: int = 1
    period: int = 0


@dataclass(frozen=True)
class Schedule:
    """A program on shared instances.

    Attributes:
        program: what is computed.
        pools: instances of each circuit.
        rounds: all invocations.
        handover: steps from a result to its use as an operand: operand selector and register.
    """

    program: Program
    pools: tuple[Pool, ...]
    rounds: tuple[Round, ...]
    handover: int

    def width(self, one: Round) -> int:
        """Consecutive steps that one turn of a round takes."""
        pool = self.pools[one.pool]
        return -(-one.count // pool.lanes) * pool.interval

    @property
    def staged(self) -> bool:
        """Whether sums pass through several circuits, so that the operations are not written out one by one."""
        return any(one.role == "take" for one in self.rounds)

    def last_issue(self, one: Round) -> int:
        """Step of a round's last invocation."""
        return one.start + (one.turns - 1) * one.period + self.width(one) - self.pools[one.pool].interval

    @property
    def steps(self) -> int:
        """Time steps of a token, from the first operands' entry to the last result, both included."""
        return 1 + max((self.last_issue(one) + self.pools[one.pool].circuit.depth for one in self.rounds), default=-1)

    @property
    def invocations(self) -> int:
        """Operand sets of all rounds."""
        return sum(one.count * one.turns for one in self.rounds)
