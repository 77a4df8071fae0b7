"""Products of two activations on cores: product neurons in blocks, in which lines of what is written are shared.

A product neuron takes what comes to it only while its own line says that it is written. So one axon for a line of a
value serves all products of a core that such a value can be written to: new keys reach their term in every column, new
values their column in every term. Each of them receives the spike, which is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from lava_nexus.chip.description import LIMITS, Chip, delay_bits
from lava_nexus.chip.native import Activity, NativeTemplate, more_room
from lava_nexus.chip.packing import Piece
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.populations.native.pair_core import PairCore
from lava_nexus.populations.network import PopulationNetwork, Projection

_WRITES = "writes"


def pair_template(part: NativePart, chip: Chip, activity: Activity) -> NativeTemplate:
    """One instance: the products of a row with all columns, and what adds them up.

    Raises:
        NexusError: a core cannot hold one product, or one sum.
    """
    core = part.network
    assert isinstance(core, PairCore)
    return _Placed(part, core, chip, activity).template()


class _Placed:
    """Sums being placed."""

    def __init__(self, part: NativePart, core: PairCore, chip: Chip, activity: Activity) -> None:
        self.part, self.core, self.pairs, self.chip = part, core, core.pairs, chip
        self.each = activity.spikes / max(1, activity.sets)
        self.active = sum(activity.active.values()) / max(1, activity.sets)
        self.fresh = dict(part.options).get(_WRITES, "all")
        self.name = f"products '{self.pairs.layer}' {part.digest[:6]}"
        self.lines, self.delay = _lines(core, "product"), _largest_delay(core, "product")
        self.terms, self.columns = self._block()

    def template(self) -> NativeTemplate:
        n, m, core = self.pairs.inputs, self.pairs.outputs, self.core
        down, across = -(-n // self.terms), -(-m // self.columns)
        shared = {"row": self.columns, "term": self.terms, "all": 1}[self.fresh]
        reached = {"row": m, "term": n, "all": 1}[self.fresh]
        spikes = {p.name: float(self.each[core.offsets[p.name]].sum()) for p in (*core.ports, *core.layers)}
        fan_out = {p.name: self.each[core.offsets[p.name]] @ core.fan_out[core.offsets[p.name]] for p in core.ports}
        written = sum(float(reach) for name, reach in fan_out.items() if name.startswith("y.") and name != "y.write")
        synops = float((self.each * core.fan_out).sum()) + written * (reached - 1)
        neurons = sum(spikes[p.name] for p in core.layers)
        pieces = (
            self._products(self.terms, self.columns, down * across),
            self._encoders(across),
            self._sums(),
        )
        together = min(m, max(1, self.chip.most("synapse_words") // pieces[-1].synapse_words))
        lines = sum(count for name, count in spikes.items() if name.startswith("y."))
        return NativeTemplate(
            pieces,
            spikes=neurons,
            synops=synops,
            active=self.active + written * (reached - 1),
            messages=spikes["encoder"] * across + spikes["kind"] * across + spikes["product"],
            operands=float(self.each[1 : core.n_inputs].sum()) + lines * (reached / shared - 1),
            results=sum(count for name, count in spikes.items() if name.startswith(("plus", "minus", "code"))),
            burst=(max(spikes["encoder"] / n * self.terms * self.columns, spikes["product"] / m * together),) * 2,
            cores=down * across,
            max_delay=self.delay,
        )

    def _block(self) -> tuple[int, int]:
        """(terms, columns) of a core's products: most columns of all terms, or else most terms of one."""
        n, m = self.pairs.inputs, self.pairs.outputs
        for terms, columns in _blocks(n, m):
            piece = self._products(terms, columns, 1)
            delayed = piece.neurons << piece.delay_bits if piece.delay_bits else 0
            used = {**vars(piece), "neurons": piece.room, "groups": 1, "delay_accumulators": delayed}
            if all(used[limit] <= self.chip.most(limit) for limit in LIMITS):
                return terms, columns
        worst = max(LIMITS, key=lambda one: used[one] / self.chip.most(one))
        raise NexusError(
            f"layer '{self.pairs.layer}': one product uses {used[worst]} {worst.replace('_', ' ')} of a core of "
            f"{self.chip.name}, beyond {self.chip.most(worst)}"
        )

    def _products(self, terms: int, columns: int, count: int) -> Piece:
        held = terms * columns
        values, shared = {"row": (terms, columns), "term": (columns, terms), "all": (held, 1)}[self.fresh]
        writes, told = {"row": (columns, terms), "term": (terms, columns), "all": (held, 1)}[self.fresh]
        words = values * sum(self._words(n * shared) for n in self.lines) + writes * self._words(2 * told)
        return Piece(
            name=f"{self.name}, {terms} terms of {columns} columns", kind=f"{self.name}, products",
            neurons=held, states=held * self._more("product"), delay_bits=delay_bits(self.delay),
            synapse_words=words + 2 * terms * self._words(columns),
            axons_in=values * len(self.lines) + writes + 2 * terms, axons_out=held, synops=0.0, count=count,
        )  # fmt: skip

    def _encoders(self, across: int) -> Piece:
        lines = len(_lines(self.core, "encoder")) + 1
        return Piece(
            name=f"{self.name}, encoder of an activation", kind=f"{self.name}, encoder",
            neurons=2, states=self._more("encoder"), delay_bits=delay_bits(_largest_delay(self.core, "encoder")),
            synapse_words=lines, axons_in=lines, axons_out=2 * across, synops=0.0, count=self.pairs.inputs,
        )  # fmt: skip

    def _sums(self) -> Piece:
        """One sum: its accumulators, windows and code."""
        groups, widths = len(self.pairs.groups), 2 * len(self.core.result.widths)
        states = groups * self._more("accumulator.0") + widths * self._more("plus.0") + self._more("code")
        return Piece(
            name=f"{self.name}, a sum", kind=f"{self.name}, sums", neurons=groups + widths + 1, states=states,
            delay_bits=0, synapse_words=self.pairs.inputs + groups * self._words(widths + 1),
            axons_in=self.pairs.inputs + groups, axons_out=widths + 1, synops=0.0, count=self.pairs.outputs,
        )  # fmt: skip

    def _words(self, synapses: int) -> int:
        return -(-synapses // self.chip.limits.synapses_per_word.most)

    def _more(self, population: str) -> int:
        return more_room(next(p.neuron for p in self.core.layers if p.name == population), self.chip)


def _blocks(terms: int, columns: int) -> Iterator[tuple[int, int]]:
    """From all products down, evenly cut: fewer columns, then fewer terms of one."""
    for parts in range(1, columns + 1):
        yield terms, -(-columns // parts)
    for parts in range(2, terms + 1):
        yield -(-terms // parts), 1


def _small(core: PairCore) -> PopulationNetwork:
    """One product, whose lines are those of any."""
    return PairCore(replace(core.pairs, inputs=1, outputs=1)).populations


def _loads(small: PopulationNetwork, target: str) -> list[Projection]:
    """Synapses of lines into a population."""
    names = [p.name for p in small.populations]
    return [p for p in small.projections if names[p.target] == target and p.source < small.n_sources]


def _lines(core: PairCore, target: str) -> list[int]:
    """Synapses of each line of one activation, without what says that it is written: axons into its neuron's core."""
    small = _small(core)
    loads = [p for p in _loads(small, target) if small.populations[p.source].name != "y.write"]
    return list(Counter((p.source, column) for p in loads for column in p.columns.tolist()).values())


def _largest_delay(core: PairCore, target: str) -> int:
    return max(p.delay for p in _loads(_small(core), target))
