"""Tiles of outputs by worker: an executor whose sums with weights of a model are formed by a crew.

A worker reads its rows of a weight matrix from the model's source, or is sent them once, and keeps them while it lives.
What is nonlinear, attention and all that has no weights runs here, on the executor that the workers use too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.bank import Bank
from lava_nexus.crew import Crew
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Evaluated, Executor, Tally
from lava_nexus.execute.operands import Operands, Patterns
from lava_nexus.execute.run import executor_named
from lava_nexus.execute.shares import shares
from lava_nexus.execute.sums import contract
from lava_nexus.execute.tallies import Tallies
from lava_nexus.execute.weights import Remote, Rows, Source, only_right
from lava_nexus.populations import Operator
from lava_nexus.programs.product import Product
from lava_nexus.programs.program import Program
from lava_nexus.programs.summation import Extent

_WORD = 64  # columns to a machine word


@dataclass(frozen=True)
class Tile:
    """Sums of one share of the columns.

    Attributes:
        left: patterns [rows, terms].
        weights: of the columns.
        bias: patterns [columns], or None.
        sent: the weights' patterns, where they are brought along.
    """

    left: Patterns
    weights: Rows
    bias: Patterns | None
    sent: Patterns | None = None


@dataclass(frozen=True)
class Former:
    """What forms tiles, at a worker.

    Attributes:
        model: names the weights among those of all models.
        source: makes the source of the weights; None where they are sent.
        executor, options: name and options of the executor.
        how: kind and order of the sums.
    """

    model: str
    source: Callable[[], Source] | None
    executor: str
    options: Mapping[str, Any]
    how: Product

    def form(self, tile: Tile) -> tuple[Patterns, list[dict[str, Any]]] | None:
        """(patterns [rows, columns], counts by circuit); None where the weights are not here and were to be sent."""
        held = _held.setdefault(self.model, {})
        for other in [model for model in _held if model != self.model]:
            del _held[other]
        if tile.sent is not None:
            held[str(tile.weights)] = tile.sent
        elif str(tile.weights) not in held:
            if self.source is None:
                return None
            if self.model not in _sources:
                _sources.clear()
                _sources[self.model] = self.source()
            held[str(tile.weights)] = tile.weights.read(_sources[self.model])
        executor = _executor(self.executor, self.options)
        operands = [tile.left[None], held[str(tile.weights)][None]]
        operands += [] if tile.bias is None else [tile.bias[None]]
        with executor.apart(add=False) as tallies:
            found = formed_by(executor, self.how, operands)
        return np.asarray(found)[0], [_counts(tally) for tally in tallies]


_held: dict[str, dict[str, Patterns]] = {}
_sources: dict[str, Source] = {}
"""What a worker keeps of a model until another one comes: its share of the weights, and where they come from."""
_of_thread = threading.local()


def _executor(name: str, options: Mapping[str, Any]) -> Executor:
    """One for each thread of a worker, whose circuits stay lowered and compiled."""
    made: dict[str, Executor] = _of_thread.__dict__.setdefault("made", {})
    key = f"{name} {sorted(options.items())}"
    if key not in made:
        made[key] = executor_named(name, **options)
    return made[key]


def formed_by(executor: Executor, how: Product, operands: Sequence[Patterns]) -> Patterns:
    """Sums [batch, rows, columns] in a form of the executor's own, or step by step."""
    bias = operands[2] if len(operands) > 2 else None
    own = executor.contracted(how, operands[0], operands[1], bias)
    return contract(how, operands, executor) if own is None else executor.fetch(own)


def _counts(tally: Tally) -> dict[str, Any]:
    counted = {f.name: getattr(tally, f.name) for f in fields(tally) if f.name != "circuit"}
    return {"kind": type(tally), "digest": tally.circuit.digest, "counted": counted}


@dataclass(frozen=True)
class Tiling:
    """How work is spread.

    Attributes:
        workers: that form tiles.
        model: names the weights among those of all models.
        source: makes the source of weights at a worker; None where they are sent.
        executor, options: name and options of the executor, here and there.
        sent: weights that workers were sent.
    """

    workers: Crew
    model: str
    source: Callable[[], Source] | None
    executor: str
    options: Mapping[str, Any] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)


class TiledExecutor(Executor):
    """An executor whose sums with weights are formed by a crew, a share of the columns to each worker.

    Attributes:
        inner: what everything else runs on.
    """

    keeps_weights = True

    def __init__(self, tiling: Tiling) -> None:
        """Raises NexusError where results depend on the neurons that give them: tiles would be disturbed otherwise."""
        super().__init__()
        self.inner = executor_named(tiling.executor, **tiling.options)
        if tiling.executor in ("lava", "loihi2") or not self.inner.ideal:
            raise NexusError(
                f"executor '{tiling.executor}' runs on one machine here: no tiles of outputs are given to a cluster"
            )
        self.name, self.level, self.count = self.inner.name, self.inner.level, self.inner.count
        self._tiling = tiling
        self._source: Source | None = None
        self._formers: dict[Product, Former] = {}

    def feeds(self, program: Program, weights: Mapping[str, Rows], source: Source) -> dict[str, Patterns]:
        """What a program reads of weights, by input: matrices that stand for those at workers, all else as it is."""
        self._source = source
        spread = only_right(program)
        return {
            name: Remote.standing_for(rows, source) if name in spread else rows.unrounded.read(source)[None]
            for name, rows in weights.items()
        }

    def _evaluate(self, circuit: Circuit, operands: Operands) -> Evaluated:
        return self.inner._evaluate(circuit, operands)

    def _operate(self, operator: Operator, x: NDArray[np.int64]) -> tuple[NDArray[np.int64], Tally]:
        return self.inner._operate(operator, x)

    def invoke_bank(self, bank: Bank, operands: Patterns, columns: slice, terms: slice) -> Patterns:
        """As the inner executor."""
        with self.inner.apart(add=False) as tallies:
            found = self.inner.invoke_bank(bank, operands, columns, terms)
        self.tallies.merge(tallies)
        return found

    def contracted(self, how: Product, left: Any, right: Any, bias: Any) -> Any:
        """By the crew where the right factor stands for weights, else as the inner executor."""
        if not isinstance(right, Remote):
            with self.inner.apart(add=False) as tallies:
                own = self.inner.contracted(how, left, right, bias)
            self.tallies.merge(tallies)
            return own
        flat = np.ascontiguousarray(left.reshape(-1, left.shape[-1]))
        last = None if bias is None else np.ascontiguousarray(bias.reshape(-1))
        cut = shares(right.shape[-2], self._tiling.workers.workers, _WORD)
        tiles = [Tile(flat, right.of.part(c), None if last is None else last[c]) for c in cut]
        columns, units = right.shape[-2], {}
        extent = Extent(len(flat) * columns, columns, flat.shape[-1], bias is not None)
        for unit, _ in how.invocations(extent):
            units[unit.digest] = unit
        found, counts = zip(*self._formed(how, tiles), strict=True)
        for rows in counts:
            self.tallies.merge(_tallies(rows, units))
        return np.concatenate(found, axis=-1).reshape(*left.shape[:-1], columns)

    def _formed(self, how: Product, tiles: list[Tile]) -> list[tuple[Patterns, list[dict[str, Any]]]]:
        tiling = self._tiling
        if how not in self._formers:  # sums of one kind and order have the same circuits in every layer
            self._formers[how] = Former(tiling.model, tiling.source, tiling.executor, tiling.options, how)
        former = self._formers[how]
        given = tiles if tiling.source is not None else [self._with_weights(tile) for tile in tiles]
        found = list(tiling.workers.map(Former.form, former, given, returning=True))
        lacking = [i for i, result in enumerate(found) if result is None]
        if lacking:  # a worker that has the weights no longer, or never had
            again = [self._with_weights(tiles[i], anew=True) for i in lacking]
            for i, result in zip(lacking, tiling.workers.map(Former.form, former, again, returning=True), strict=True):
                found[i] = result
        return [result for result in found if result is not None]

    def _with_weights(self, tile: Tile, anew: bool = False) -> Tile:
        assert self._source is not None
        key = str(tile.weights)
        if key in self._tiling.sent and not anew:
            return tile
        self._tiling.sent.add(key)
        return Tile(tile.left, tile.weights, tile.bias, tile.weights.read(self._source))


def _tallies(rows: Sequence[Mapping[str, Any]], units: Mapping[str, Any]) -> Tallies:
    found = Tallies()
    for row in rows:
        found.add(row["kind"](units[row["digest"]], **row["counted"]))
    return found
