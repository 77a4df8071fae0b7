"""Products of two activations on cores: product neurons in blocks, and writers of what they hold.

One axon of a writer serves all products of a core that its value can be written to, since a product takes it only where
the line of its slot says so: new keys reach their term in every column, new values their column in every term. Each of
them receives the spike, which is counted. No synapse into a product has a delay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lava_nexus.chip.description import LIMITS, Chip, delay_bits
from lava_nexus.chip.native import Activity, NativeTemplate, more_room
from lava_nexus.chip.packing import Piece
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.populations.native.pair_core import PairCore


def pair_template(part: NativePart, chip: Chip, activity: Activity) -> NativeTemplate:
    """One instance: the products of a row with all columns, and what adds them up.

    Raises:
        NexusError: a core cannot hold one product, or one sum.
    """
    core = part.network
    assert isinstance(core, PairCore)
    return _Placed(part, core, chip, activity).template()


BLOCK, PRODUCTS = 0.125, 0.75
"""Shares of a core's neurons that a block of products takes at most, and all of one sum's blocks: products take neurons
and little synapse memory, so that a part of a core's neurons is left for what takes the other."""


class _Placed:
    """Sums being placed."""

    def __init__(self, part: NativePart, core: PairCore, chip: Chip, activity: Activity) -> None:
        self.part, self.core, self.pairs, self.chip = part, core, core.pairs, chip
        self.each = activity.spikes / max(1, activity.sets)
        self.active = sum(activity.active.values()) / max(1, activity.sets)
        self.name = f"products '{self.pairs.layer}' {part.digest[:6]}"
        self.terms, self.columns = self._block()

    def template(self) -> NativeTemplate:
        n, m, core = self.pairs.inputs, self.pairs.outputs, self.core
        down, across = -(-n // self.terms), -(-m // self.columns)
        holding = {"row": across, "term": down, "all": 1}[core.fresh]  # cores with products of one value
        told = {"row": down, "term": across, "all": down * across}[core.fresh]  # and of one slot
        spikes = {p.name: float(self.each[core.offsets[p.name]].sum()) for p in (*core.ports, *core.layers)}
        pieces = (
            self._products(self.terms, self.columns, down * across),
            self._loaded("encoder", "encoder of an activation", 2, across, n),
            self._loaded("writer", "writer of a value", 1, holding, core.writers),
            self._sums(),
        )
        together = min(m, max(1, self.chip.most("synapse_words") // pieces[-1].synapse_words))
        return NativeTemplate(
            pieces,
            spikes=sum(spikes[p.name] for p in core.layers),
            synops=float((self.each * core.fan_out).sum()),
            active=self.active,
            messages=(spikes["encoder"] + spikes["kind"]) * across + spikes["writer"] * holding + spikes["product"],
            operands=float(self.each[1 : core.n_inputs].sum()) + spikes["y.write"] * (told - 1),
            results=sum(count for name, count in spikes.items() if name.startswith(("plus", "minus", "code"))),
            burst=(max(spikes["encoder"] / n * self.terms * self.columns, spikes["product"] / m * together),) * 2,
            cores=down * across,
            max_delay=max(_loading(core, name)[1] for name in ("encoder", "writer")),
        )

    def _block(self) -> tuple[int, int]:
        """(terms, columns) of a block of products: most columns of all terms, or else most terms of one."""
        n, m, most = self.pairs.inputs, self.pairs.outputs, int(BLOCK * self.chip.most("neurons"))
        fitting = [one for one in _blocks(n, m) if one[0] * one[1] * (1 + self._more("product")) <= most]
        for terms, columns in fitting or [(1, 1)]:
            piece = self._products(terms, columns, 1)
            used = {**vars(piece), "neurons": piece.room, "groups": 1, "delay_accumulators": 0}
            if all(used[limit] <= self.chip.most(limit) for limit in LIMITS):
                return terms, columns
        worst = max(LIMITS, key=lambda one: used[one] / self.chip.most(one))
        raise NexusError(
            f"layer '{self.pairs.layer}': one product uses {used[worst]} {worst.replace('_', ' ')} of a core of "
            f"{self.chip.name}, beyond {self.chip.most(worst)}"
        )

    def _products(self, terms: int, columns: int, count: int) -> Piece:
        held = terms * columns
        values, slots = {"row": (terms, columns), "term": (columns, terms), "all": (held, 1)}[self.core.fresh]
        words = values * self._words(held // values) + slots * self._words(held // slots)
        return Piece(
            name=f"{self.name}, {terms} terms of {columns} columns", kind=f"{self.name}, products",
            neurons=held, states=held * self._more("product"), delay_bits=0,
            synapse_words=words + 2 * terms * self._words(columns),
            axons_in=values + slots + 2 * terms, axons_out=held, synops=0.0, count=count,
            together=max(1, int(PRODUCTS * self.chip.most("neurons")) // (held * (1 + self._more("product")))),
        )  # fmt: skip

    def _loaded(self, population: str, what: str, neurons: int, cores: int, count: int) -> Piece:
        """Neurons of one activation: what takes it apart, and of x what sends its class."""
        lines, delay = _loading(self.core, population)
        lines += neurons - 1  # the strobe, for the class
        return Piece(
            name=f"{self.name}, {what}", kind=f"{self.name}, {population}",
            neurons=neurons, states=self._more(population), delay_bits=delay_bits(delay),
            synapse_words=lines, axons_in=lines, axons_out=neurons * cores, synops=0.0, count=count,
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


def _loading(core: PairCore, target: str) -> tuple[int, int]:
    """(lines of one activation, largest delay) into the neuron that takes it apart."""
    small = PairCore(replace(core.pairs, inputs=1, outputs=1)).populations
    names = [p.name for p in small.populations]
    into = [p for p in small.projections if names[p.target] == target and p.source < small.n_sources]
    return len({(p.source, line) for p in into for line in p.columns.tolist()}), max(p.delay for p in into)
