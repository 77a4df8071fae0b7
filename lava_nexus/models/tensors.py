"""Where a model's weights come from: a source that stores them, a view of one, or seeded random numbers.

They are read tensor by tensor when a layer is about to run; no more than a layer is ever in memory.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.models.spec import Shape, Tensors
from lava_nexus.models.views import View

Weights = NDArray[np.float32]


class TensorSource(ABC):
    """Tensors by name, as FP32, which holds FP32, FP16 and BF16 weights exactly.

    Attributes:
        name: for reports and errors.
    """

    name: str

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for reports: what was read, and what was left out."""
        return (f"Weights: {self.name}.",)

    @abstractmethod
    def check(self, expected: Mapping[str, Shape], ignored: Iterable[str] = ()) -> None:
        """Sees that all tensors are there, of the right shapes, before anything runs; reads no weight.

        Raises:
            NexusError: a tensor is missing, not expected (unless it holds a text of `ignored`), or of another shape or
                dtype.
        """

    @abstractmethod
    def identity(self) -> Any:
        """JSON values that change when a weight does."""

    @abstractmethod
    def rows(self, name: str, shape: Shape, rows: slice | NDArray[np.int64]) -> Weights:
        """Some rows (first axis) of a tensor.

        Raises:
            NexusError: a weight is NaN or infinite, or the tensor cannot be read.
        """

    def halved(self, name: str) -> bool:
        """Whether a tensor is stored in BF16, so that `upper_halves` has it."""
        return False

    def upper_halves(self, name: str, shape: Shape, rows: slice, out: NDArray[np.uint16]) -> None:
        """Some rows of a tensor that is stored in BF16, as patterns put into an array; raises what `rows` does."""
        raise NotImplementedError(name)

    def tensors(self, wanted: Tensors) -> dict[str, Weights]:
        """Whole tensors by role."""
        return {role: self.rows(name, shape, slice(0, shape[0])) for role, (name, shape) in wanted.items()}


def centre_of(name: str) -> bool:
    """The mean of seeded weights: 1 of norms, else 0."""
    module = name.rpartition(".")[0].rpartition(".")[2].lower()
    return ("norm" in name.lower() or module.startswith("ln_")) and name.endswith("weight")


class RandomTensors(TensorSource):
    """Seeded weights: 0.02 N(0, 1), norms 1 + 0.02 N(0, 1). A row depends on seed, name and its number alone.

    The numbers are counter-based (Philox; Salmon et al., 2011), so any row is made without the others.
    """

    def __init__(self, seed: int) -> None:
        self.name = f"random weights of seed {seed}"
        self._seed = seed

    def check(self, expected: Mapping[str, Shape], ignored: Iterable[str] = ()) -> None:
        """Nothing: it has every tensor."""

    def identity(self) -> Any:
        """The seed."""
        return self.name

    def rows(self, name: str, shape: Shape, rows: slice | NDArray[np.int64]) -> Weights:
        """Made row by row; a vector is one row."""
        centre = np.float32(centre_of(name))
        if len(shape) == 1:
            drawn = self._drawn(_key(name), 0).standard_normal(shape[0], np.float32)
            return np.asarray(centre + (np.float32(0.02) * drawn)[rows])
        numbers = np.arange(shape[0])[rows] if isinstance(rows, slice) else rows
        out = np.empty((len(numbers), *shape[1:]), np.float32)
        key = _key(name)
        for number, into in zip(numbers.tolist(), out, strict=True):
            self._drawn(key, number).standard_normal(dtype=np.float32, out=into)
        out *= np.float32(0.02)
        return out

    def _drawn(self, key: int, row: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=[self._seed, key], counter=[0, row, 0, 0]))


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


class HeldTensors(TensorSource):
    """What another source gave, kept in memory; single rows are asked for anew."""

    def __init__(self, source: TensorSource) -> None:
        self.name = source.name
        self._source = source
        self._held: dict[tuple[str, int, int], Weights] = {}

    def check(self, expected: Mapping[str, Shape], ignored: Iterable[str] = ()) -> None:
        """As the source does."""
        self._source.check(expected, ignored)

    def identity(self) -> Any:
        """That of the source."""
        return self._source.identity()

    def rows(self, name: str, shape: Shape, rows: slice | NDArray[np.int64]) -> Weights:
        """A slice is read once."""
        if not isinstance(rows, slice):
            return self._source.rows(name, shape, rows)
        key = (name, rows.start, rows.stop)
        if key not in self._held:
            self._held[key] = self._source.rows(name, shape, rows)
        return self._held[key]

    def let_go(self) -> None:
        """Keeps nothing of what was read so far."""
        self._held.clear()


class ViewedTensors(TensorSource):
    """Tensors of another source under the names and in the shapes that a model has for them."""

    def __init__(self, source: TensorSource, views: Mapping[str, View]) -> None:
        self.name = source.name
        self._source, self._views = source, views

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the source."""
        return self._source.notes

    def check(self, expected: Mapping[str, Shape], ignored: Iterable[str] = ()) -> None:
        """What is stored, against the views."""
        views = self._views
        stored = {views[n].name if n in views else n: views[n].shape if n in views else expected[n] for n in expected}
        self._source.check(stored, ignored)

    def identity(self) -> Any:
        """That of the source."""
        return self._source.identity()

    def halved(self, name: str) -> bool:
        """As the source has it, where it is not viewed."""
        return name not in self._views and self._source.halved(name)

    def upper_halves(self, name: str, shape: Shape, rows: slice, out: NDArray[np.uint16]) -> None:
        """As the source has them."""
        self._source.upper_halves(name, shape, rows, out)

    def rows(self, name: str, shape: Shape, rows: slice | NDArray[np.int64]) -> Weights:
        """Of a transposed tensor all is read, else the rows that are wanted."""
        view = self._views.get(name)
        if view is None:
            return self._source.rows(name, shape, rows)
        stored = view.shape[0]
        if view.flat:
            return self._source.rows(view.name, view.shape, slice(0, stored)).reshape(shape)[rows]
        wanted = np.arange(shape[0])[rows]
        wanted = wanted if view.rows is None else view.rows[wanted]
        if view.transposed and len(view.shape) == 2:
            found = self._source.rows(view.name, view.shape, slice(0, stored)).T[wanted]
        elif len(view.shape) == 1 or wanted.size > 64:
            found = self._source.rows(view.name, view.shape, slice(0, stored))[wanted]
        else:
            found = self._source.rows(view.name, view.shape, wanted)
        found = np.ascontiguousarray(found)
        return found + np.float32(view.offset) if view.offset else found
