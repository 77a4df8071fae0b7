"""A model's weights, kept on a GPU in the form that its kernels read, as far as they fit; the others pass through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lava_nexus.execute.cuda.carrying import Carrier
from lava_nexus.execute.cuda.device import cupy, placed
from lava_nexus.execute.cuda.sums import Planes, made_planes
from lava_nexus.execute.cuda.tables import Matrices
from lava_nexus.execute.weights import Remote, Rows, Source, low_zeros, only_right
from lava_nexus.neurons import Port
from lava_nexus.programs.program import Program

_SHARE = 0.7
"""Of the memory that is free at first, what weights may take."""


class KeptWeights:
    """What was made of weights on one GPU, by what they are.

    A pass reads all weights in the same order, so that those that came first stay and those without room are brought
    anew for each pass; weights of another source go where these need the memory.

    Args:
        device: number of the GPU.
        room: bytes that they may take; a share of what is free where left out.
    """

    def __init__(self, device: int, room: int | None = None) -> None:
        self.carrier = Carrier(device)
        self._room = room
        self._kept: dict[Any, tuple[Any, int, Source | None]] = {}
        self._held: set[Any] = set()
        self._vectors: dict[Any, Any] = {}

    def feeds(self, program: Program, weights: Mapping[str, Rows], source: Source) -> dict[str, Any]:
        """What a program reads of weights, by input: what stands for matrices; all else on the current GPU."""
        matrices, found = only_right(program), {}
        for name, rows in weights.items():
            if name in matrices:
                found[name] = Remote.standing_for(rows, source)
                continue
            key, vector = (source, str(rows)), len(rows.shape) == 1
            if key not in self._vectors:
                found[name] = placed(rows.unrounded.read(source)[None])
                if vector:
                    self._vectors[key] = found[name]
            else:
                found[name] = self._vectors[key]
        return found

    def ahead(self, weights: Iterable[Rows], source: Source) -> None:
        """Sends for what is not kept; see `Carrier.begin`."""
        self.carrier.begin([rows for rows in weights if (source, str(rows)) not in self._held], source)

    def drop(self, key: Any) -> None:
        """Keeps it no longer."""
        self._kept.pop(key, None)

    def get(self, key: Any) -> Any:
        """What is kept; None where nothing is."""
        return self._kept[key][0] if key in self._kept else None

    def keep(self, key: Any, value: Any, size: int, of: Sequence[Remote] = ()) -> Any:
        """The value, kept where there is room for so many bytes."""
        source = of[0].source if of else None
        if self.room(size, source):
            self._kept[key] = value, size, source
            self._held |= {array.key for array in of}
        return value

    def room(self, size: int, source: Source | None) -> bool:
        """Whether so many bytes can be kept for a source; weights of others go, where that helps."""
        if self._room is None:
            self._room = int(_SHARE * cupy().cuda.Device().mem_info[0])
        if self._taken + size > self._room and any(of is not source for _, _, of in self._kept.values()):
            self._kept = {key: entry for key, entry in self._kept.items() if entry[2] is source}
            self._held = {key for key in self._held if key[0] is source}
            self._vectors = {key: vector for key, vector in self._vectors.items() if key[0] is source}
        return self._taken + size <= self._room

    @property
    def _taken(self) -> int:
        return sum(size for _, size, _ in self._kept.values())


def kept_planes(kept: KeptWeights, port: Port, parts: Sequence[tuple[Any, Matrices]], fused: bool) -> Planes:
    """Planes of matrices of several arrays; kept where all stand for weights."""
    if not all(isinstance(array, Remote) for array, _ in parts):
        there = [(placed(a.read()).reshape(-1) if isinstance(a, Remote) else a, matrices) for a, matrices in parts]
        return made_planes(port, there)
    key = port.width, fused, *((array.key, matrices.entries.tobytes()) for array, matrices in parts)
    found: Planes | None = kept.get(key)
    if found is not None:
        return found
    patterns = [kept.carrier.take(array) for array, _ in parts]
    halves = not fused and all(array.dtype != port.pattern_dtype for array in patterns)
    if not halves:
        patterns = [whole(array, port) for array in patterns]
    zeros = port.width // 2 if halves else 0 if fused else low_zeros(port, patterns)
    given = [(one, matrices) for one, (_, matrices) in zip(patterns, parts, strict=True)]
    size = (port.width - zeros) * 4 * sum(matrices.size for _, matrices in parts)
    kept.room(size, parts[0][0].source)
    half = Port(port.name, port.signals[: port.width // 2])
    made = Planes(made_planes(half, given).array, zeros) if halves else made_planes(port, given, zeros)
    planes: Planes = kept.keep(key, made, size, [array for array, _ in parts])
    return planes


def whole(array: Any, port: Port) -> Any:
    """Patterns, of which upper halves may be there alone."""
    if array.dtype == port.pattern_dtype:
        return array
    return array.astype(port.pattern_dtype) << port.pattern_dtype.type(port.width // 2)
