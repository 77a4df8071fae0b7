"""When each invocation of a token takes place, and which word holds what: sections of the sequencer's chain.

A section has no step that depends on data; it begins when all that the sections before it computed is in its word.
Sections of positions of the cache are skipped whole where the token stands before the first of these positions.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lava_nexus.chip.autonomous.datapath import DRAIN, FIRST, HANDOVER
from lava_nexus.programs.flow import NOWHERE, Flow, Invocation


@dataclass(frozen=True)
class Timed:
    """An invocation at its step of a section, on a unit; its result is there at step `done`."""

    what: Invocation
    unit: int
    step: int
    done: int


@dataclass
class Section:
    """Invocations that wait for no sum over positions but those of earlier sections.

    Attributes:
        level: how many such sums are complete.
        position: first position that it is about, NOWHERE for none.
        timed: what happens when.
        length: steps of the chain.
        start: of it on a time axis on which no section is skipped.
    """

    level: int
    position: int
    timed: list[Timed] = field(default_factory=list)
    length: int = 0
    start: int = 0

    @property
    def conditional(self) -> bool:
        """Whether a token may skip it."""
        return self.position > 0


def sections(flow: Flow, depths: Sequence[int], units: Sequence[Sequence[int]], block: int) -> list[Section]:
    """All invocations in time.

    Args:
        flow: of a token.
        depths: of each circuit.
        units: numbers of the instances of each circuit.
        block: positions of one section.
    """
    groups: dict[tuple[int, int], list[Invocation]] = {}
    for one in flow.invocations:
        first = NOWHERE if one.position == NOWHERE else one.position // block * block
        groups.setdefault((one.level, first), []).append(one)
    found, start = [], 0
    for (level, first), invocations in sorted(groups.items()):
        section = Section(level, first, _timed(invocations, depths, units))
        section.start = start
        section.length = max(one.done for one in section.timed) + DRAIN
        start += section.length
        found.append(section)
    return found


def _timed(invocations: Sequence[Invocation], depths: Sequence[int], units: Sequence[Sequence[int]]) -> list[Timed]:
    """Each as early as its operands, and the unit, allow; a product not before its total is there to be added to."""
    ready: dict[int, int] = {}
    busy: dict[int, set[int]] = {}
    found = []
    for one in invocations:
        depth, instances = depths[one.circuit], units[one.circuit]
        unit = instances[one.lane % len(instances)]
        step = max([FIRST, *(ready.get(a, FIRST) for a in one.operands)])
        if one.total != NOWHERE:
            step = max(step, ready.get(one.total, FIRST) - depth - HANDOVER)
        taken = busy.setdefault(unit, set())
        while step in taken:
            step += 1
        taken.add(step)
        done = step + depth
        for address in (one.result, *one.starts):
            ready[address] = done + HANDOVER
        found.append(Timed(one, unit, step, done))
    return found


@dataclass(frozen=True)
class Kept:
    """How long an address has to be kept, on the axis on which no section is skipped.

    Attributes:
        born, last: first result, and last step at which it is an operand.
        units: that write it.
        reader: section and step of the last reader.
    """

    born: int
    last: int
    units: frozenset[int]
    reader: tuple[int, int]


def lifetimes(found: Sequence[Section], kept: Mapping[int, int]) -> dict[int, Kept]:
    """Of every address that is computed and read; `kept` are addresses that are read at the end, with their units."""
    born: dict[int, int] = {}
    units: dict[int, set[int]] = {}
    last: dict[int, tuple[int, tuple[int, int]]] = {}
    for number, section in enumerate(found):
        for one in section.timed:
            for address in (one.what.result, *one.what.starts):
                born[address] = min(born.get(address, 1 << 60), section.start + one.done)
                units.setdefault(address, set()).add(one.unit)
            for address in one.what.operands:
                step = section.start + one.step
                if step >= last.get(address, (-1, (0, 0)))[0]:
                    last[address] = step, (number, one.step)
    end = found[-1].start + found[-1].length
    last |= {address: (end + 1, (NOWHERE, 0)) for address in kept}
    return {
        address: Kept(born[address], last[address][0], frozenset(units[address]), last[address][1])
        for address in born
        if address in last
    }


def allocated(alive: Mapping[int, Kept], bits: Sequence[int]) -> dict[int, tuple[tuple[frozenset[int], int], int]]:
    """(file, number in it) of each address: words of one file are written by the same units and are equally wide.

    Of the words that are free it is the one with the lowest number: few words, and so few lines of a page, are used.
    """
    found: dict[int, tuple[tuple[frozenset[int], int], int]] = {}
    held: dict[tuple[frozenset[int], int], list[tuple[int, int]]] = {}
    free: dict[tuple[frozenset[int], int], list[int]] = {}
    used: dict[tuple[frozenset[int], int], int] = {}
    for address, one in sorted(alive.items(), key=lambda item: (item[1].born, item[0])):
        file = one.units, bits[address]
        taken, left = held.setdefault(file, []), free.setdefault(file, [])
        while taken and taken[0][0] <= one.born:
            heapq.heappush(left, heapq.heappop(taken)[1])
        if left:
            number = heapq.heappop(left)
        else:
            number = used[file] = used.get(file, -1) + 1
        found[address] = file, number
        heapq.heappush(taken, (one.last, number))
    return found
