"""Neurons of a machine by what they are for, and the sequencer's pages: chain neurons and the lines that these pull.

All of it is memoryless threshold neurons; what is held feeds itself. A *cell* is such a neuron:

    cell    q' = [q - clear + 2 set >= 1]
    page    some steps of the chain and, for each line that they pull, one neuron that is their OR
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from lava_nexus.chip.machine_neurons import Neurons, Terms

PARTS = ("arithmetic", "memory", "selection", "control")
"""What a neuron is for: circuits and what strobes them; cells and tables; ports, buses and decoders; the sequencer."""

SLICE = 256
"""Neurons that one counts."""

PAGE_STEPS, PAGE_NEURONS = 1024, 3072
"""Most steps of the chain on one page, and neurons there at which the next page begins."""

Key: TypeAlias = tuple[str | int, ...]
Attach: TypeAlias = Callable[[int], None]


class Gates(Neurons):
    """Neurons that know their part."""

    def __init__(self) -> None:
        super().__init__()
        self.part: list[int] = []

    def add(self, part: str, piece: int, terms: Iterable[tuple[int, int]], threshold: int = 1) -> int:
        """A neuron [sum of weights >= threshold] of a part."""
        self._fill(PARTS.index("arithmetic"))
        self.part.append(PARTS.index(part))
        return self.gate(list(terms), threshold, piece)

    def cell(self, piece: int, clear: Iterable[int] = (), sets: Iterable[int] = (), part: str = "memory") -> int:
        """A neuron that feeds itself, until it is cleared."""
        made = self.add(part, piece, [])
        self.terms[made] += [(made, 1), *((c, -1) for c in clear), *((s, 2) for s in sets)]
        return made

    def to(self, target: int, source: int, weight: int = 1) -> None:
        """One more synapse."""
        self.terms[target].append((source, weight))

    def unequal(self, piece: int, some: Terms, others: Terms) -> list[int]:
        """Two neurons of which one fires where the weighted sums of some and of others differ."""
        ahead = [*some, *((signal, -weight) for signal, weight in others)]
        behind = [(signal, -weight) for signal, weight in ahead]
        return [self.add("control", piece, terms) for terms in (ahead, behind)]

    def one_of(
        self, piece: int, signals: Sequence[int], due: int, home: Callable[[int], int] | None = None
    ) -> list[int]:
        """Two neurons of which one fires unless just one signal fires one step before `due`, and none at other times.

        `home` is where what counts a slice of the signals lies, by the slice's first signal; `piece` where left out.
        """
        counted = []
        for start in range(0, len(signals), SLICE):
            part = [(signal, 1) for signal in signals[start : start + SLICE]]
            at = piece if home is None else home(signals[start])
            counted += [(self.add("control", at, part, threshold), 1) for threshold in (1, 2)]
        return self.unequal(piece, counted, [(due, 1)])

    def parts(self) -> list[int]:
        """The part of every neuron; copies of networks are arithmetic."""
        self._fill(PARTS.index("arithmetic"))
        return self.part

    def _fill(self, part: int) -> None:
        self.part += [part] * (len(self.terms) - len(self.part))


class Sequencer:
    """The chain: one neuron fires in each step of a token, and pulls the lines of that step.

    Attributes:
        chain: all of its neurons.
        targets: what a line of a key does, by key, for lines that come later.
    """

    def __init__(self, gates: Gates) -> None:
        self.gates = gates
        self.chain: list[int] = []
        self._pages: list[int] = []
        self._steps = self._held = 0
        self._page_of: dict[int, int] = {}
        self._lines: dict[tuple[int, Key], int] = {}
        self._pulled: dict[int, set[int]] = {}
        self._guards: list[tuple[int, int, int, int]] = []

    @property
    def pages(self) -> int:
        """How many there are."""
        return len(self._pages)

    def step(self, terms: Iterable[tuple[int, int]], threshold: int = 1) -> int:
        """A neuron of the chain that fires in a step of its own."""
        if not self._pages or self._steps == PAGE_STEPS or self._held >= PAGE_NEURONS:
            self._steps = self._held = 0
            name = f"sequencer, page {len(self._pages)}"
            self._pages.append(self.gates.new_piece(name, "sequencer"))
        made = self.gates.add("control", self._pages[-1], terms, threshold)
        self._page_of[made] = len(self._pages) - 1
        self._steps += 1
        self._held += 1
        self.chain.append(made)
        return made

    def page(self, step: int) -> int:
        """The piece of the page of a step."""
        return self._pages[self._page_of[step]]

    def guard(self, step: int, level: int, unit: int) -> int:
        """Fires one step after `step` where the level's neuron fires; beside it is one that fires where it is silent.

        `unit` is whose result it lets in: guards of a unit fire one at a time.
        """
        made = self.gates.add("control", self.page(step), [(step, 1), (level, 1)], 2)
        other = self.gates.add("control", self.page(step), [(step, 1), (level, -1)])
        self._page_of[made] = self._page_of[step]
        self._held += 2
        self._guards.append((step, unit, made, other))
        return made

    def pull(self, step: int, key: Key, attach: Attach, part: str = "control") -> None:
        """The line of a key fires one step after `step`; `attach` is told of each new neuron that is the line."""
        page = self._page_of[step]
        line = self._lines.get((page, key))
        if line is None:
            line = self._lines[page, key] = self.gates.add(part, self._pages[page], [])
            self._pulled[line] = set()
            self._held += page == len(self._pages) - 1
            attach(line)
        if step not in self._pulled[line]:
            self._pulled[line].add(step)
            self.gates.to(line, step)

    def checks(self) -> list[int]:
        """Two neurons a page: they fire where more, or fewer, lines and guards fire than the step before pulls.

        sum of lines and guards at t = sum over b of 2^b [any neuron at t - 1 that pulls a number with bit b >= 1], with
        a term for the chain and one for each unit's guards, of each of which one neuron fires at a time
        """
        answering: list[list[int]] = [[] for _ in self._pages]
        due: list[Counter[int]] = [Counter() for _ in self._pages]
        kind: dict[int, int] = {}
        for (page, _), line in self._lines.items():
            answering[page].append(line)
            due[page].update(self._pulled[line])
        for step, unit, *both in self._guards:
            answering[self._page_of[step]] += both
            due[self._page_of[step]][step] += 1
            kind[both[0]] = unit
        found = []
        for home, lines, numbers in zip(self._pages, answering, due, strict=True):
            pulling: dict[tuple[int, int], list[tuple[int, int]]] = {}
            for step, number in numbers.items():
                for bit in range(number.bit_length()):
                    if number >> bit & 1:
                        pulling.setdefault((kind.get(step, -1), 2**bit), []).append((step, 1))
            want = [(self.gates.add("control", home, steps), weight) for (_, weight), steps in pulling.items()]
            found += self.gates.unequal(home, [(line, 1) for line in lines], want)
        return found


class Segment:
    """Steps of the chain that follow one another, made when they are asked for.

    Attributes:
        steps: neurons, in order.
    """

    def __init__(self, sequencer: Sequencer, ends: Iterable[int], level: int | None = None) -> None:
        """Begins one step after whichever of `ends` fires; with a level, only where its neuron fires then."""
        self.sequencer = sequencer
        terms = [(end, 1) for end in ends]
        self.ends = terms
        enter = terms if level is None else [*terms, (level, 1)]
        self.steps = [sequencer.step(enter, 1 if level is None else 2)]
        self.skipped = None if level is None else sequencer.step([*terms, (level, -1)])

    def at(self, index: int) -> int:
        """The neuron that fires `index` steps after the first."""
        while len(self.steps) <= index:
            self.steps.append(self.sequencer.step([(self.steps[-1], 1)]))
        return self.steps[index]

    def end(self, length: int) -> list[int]:
        """Neurons of which one fires in the last of `length` steps, or where the segment is skipped."""
        self.at(length - 1)
        assert len(self.steps) == length
        return [self.steps[-1], *([] if self.skipped is None else [self.skipped])]
