"""What a decoder that runs by itself takes, by shape alone: steps between two bounds, words kept at once.

Each circuit has one unit, which takes an operand set a step, and a section of the chain waits for all of the one before
it. So a section lasts no less than its busiest unit has operand sets, and no longer than its nodes would take one
behind the other: lanes, latency, and for each further turn of a sum in sequence the larger of both,

    sets of the busiest unit <= steps <= sum over nodes of
        Apply                    lanes + depth + 6
        Reduce, n in a row       (n - 2) max(lanes, depth + 6) + lanes + depth + 6
        Contract, n in a row     lanes + depth of a product + 6, and what a Reduce of n takes

with the 6 steps from a result to its use, and 6 more for each section. For layers wider than a latency both agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from lava_nexus.chip.autonomous.datapath import DRAIN, FIRST, HANDOVER
from lava_nexus.chip.autonomous.front import OPENED
from lava_nexus.chip.autonomous.network import NEXT
from lava_nexus.chip.workload import Workload
from lava_nexus.programs.nodes import Apply, Contract, Folded, Node, Rearrange, Reduce
from lava_nexus.programs.product import Rounded
from lava_nexus.programs.program import Program

Timed: TypeAlias = tuple[Node, bool]
"""A node, and whether it sums over positions of the cache."""


@dataclass(frozen=True)
class Steps:
    """Between which two numbers."""

    least: int
    most: int

    def __add__(self, other: Steps) -> Steps:
        return Steps(self.least + other.least, self.most + other.most)

    def times(self, number: int) -> Steps:
        """So often."""
        return Steps(number * self.least, number * self.most)


def token_steps(workload: Workload, length: int, block: int, comparator: int) -> Steps:
    """Steps of the token at the last position.

    Args:
        workload: a decoder's layers and head, as `token_workload` of a context of `length` has it.
        length: positions.
        block: of them attention does together.
        comparator: depth of a < b of the logits' format.
    """
    parts = [(times, *_split(program)) for program, times in workload.sections]
    layers = sum(times for times, _, attending in parts if attending)
    found = Steps(OPENED + NEXT, OPENED + NEXT) + Steps(FIRST + DRAIN, FIRST + DRAIN).times(layers + 1)
    for times, plain, attending in parts:
        found += _section(plain).times(times)
        for nodes in attending:
            for positions, number in Counter(_blocks(length, block)).items():
                one = _section(nodes, positions, length) + Steps(FIRST + DRAIN, FIRST + DRAIN)
                found += one.times(times * number)
    program = workload.sections[-1][0]
    logits = prod(next(reversed(program.outputs.values())).shape)
    choice = FIRST + (logits - 1) * (HANDOVER + 1 + comparator) + DRAIN + 1
    return found + Steps(choice, choice)


def _blocks(length: int, block: int) -> list[int]:
    return [min(block, length - start) for start in range(0, length, block)]


def _split(program: Program) -> tuple[list[Timed], list[list[Timed]]]:
    """Nodes about no position, and those about positions of the cache by the sum over them that they lead to."""
    of_position = {value.number for name, value in program.inputs.items() if name in ("key", "value")}
    plain: list[Timed] = []
    attending: list[list[Timed]] = []
    level = 0
    for node in program.nodes:
        held = [value.number in of_position for value in node.operands]
        sums = isinstance(node, Reduce | Contract) and all(held[:2])
        if not any(held):
            plain.append((node, False))
            continue
        if not sums:
            of_position.add(node.result.number)
        if not isinstance(node, Rearrange):
            attending += [[] for _ in range(level + 1 - len(attending))]
            attending[level].append((node, sums))
        level += sums
    return plain, attending


def _section(nodes: Sequence[Timed], positions: int = 1, length: int = 1) -> Steps:
    """Of nodes of which so many of all positions are lanes, or turns of a sum over them."""
    sets: Counter[str] = Counter()
    most = 0
    for node, sums in nodes:
        lanes = prod(node.result.shape)
        turns = node.length if isinstance(node, Reduce | Contract) else 1
        if sums:
            turns = positions
        else:
            lanes = lanes * positions // length
        most += _alone(node, lanes, turns, sums, sets)
    return Steps(max(sets.values(), default=0), most)


def _alone(node: Node, lanes: int, turns: int, sums: bool, sets: Counter[str]) -> int:
    """Steps of a node by itself at most; adds its operand sets by circuit, at least, to `sets`."""
    if isinstance(node, Apply):
        sets[node.circuit.digest] += lanes
        return lanes + node.circuit.depth + HANDOVER
    found = 0
    if isinstance(node, Contract):
        assert isinstance(node.product, Rounded)
        sets[node.product.multiply.digest] += lanes * turns
        found, adding = lanes + node.product.multiply.depth + HANDOVER, node.product.add
    elif isinstance(node, Reduce):
        assert isinstance(node.fold, Folded)
        adding = node.fold.circuit
    else:
        return 0
    sets[adding.digest] += lanes * (turns - 1)
    further = turns - (not sums)
    if further > 0:
        found += (further - 1) * max(lanes, adding.depth + HANDOVER) + lanes + adding.depth + HANDOVER
    return found


def words_alive(workload: Workload) -> int:
    """Most words between operations at any time: values from their node to the last one that reads them."""
    most = 0
    for program, _ in workload.sections:
        last: Mapping[int, int] = {v.number: i for i, node in enumerate(program.nodes) for v in node.operands}
        alive: dict[int, int] = {}
        for i, node in enumerate(program.nodes):
            if not isinstance(node, Rearrange):
                alive[node.result.number] = prod(node.result.shape)
            most = max(most, sum(alive.values()))
            alive = {number: size for number, size in alive.items() if last.get(number, i) > i or number not in last}
    return most
