"""A model's weights, kept on a GPU in the form that its kernels read, as long as they fit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lava_nexus.execute.cuda.device import cupy, placed
from lava_nexus.execute.cuda.sums import Planes, low_zeros, made_planes
from lava_nexus.execute.cuda.tables import Matrices
from lava_nexus.execute.weights import Remote, Rows, Source, only_right
from lava_nexus.neurons import Port
from lava_nexus.programs.program import Program

_SHARE = 0.7
"""Of the memory that is free at first, what weights may take."""


class KeptWeights:
    """What was made of weights, by what they are; those used longest ago go where others need the memory."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, tuple[Any, int]] = OrderedDict()
        self._vectors: dict[Any, Any] = {}
        self._room: int | None = None

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

    def once(self, key: Any, make: Callable[[Callable[[int], None]], tuple[Any, int]]) -> Any:
        """What is made, and its bytes, where it is not kept; `make` is given what frees as many bytes as it needs."""
        if key not in self._kept:
            self._kept[key] = make(self._make_room)
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def drop(self, key: Any) -> None:
        """Keeps it no longer."""
        self._kept.pop(key, None)

    def _make_room(self, size: int) -> None:
        if self._room is None:
            self._room = int(_SHARE * cupy().cuda.Device().mem_info[0])
        held = sum(size for _, size in self._kept.values())
        while self._kept and held + size > self._room:
            held -= self._kept.popitem(last=False)[1][1]


def kept_planes(kept: KeptWeights, port: Port, parts: Sequence[tuple[Any, Matrices]], fused: bool) -> Planes:
    """Planes of matrices of several arrays; kept where all stand for weights."""
    if not all(isinstance(array, Remote) for array, _ in parts):
        there = [(placed(a.read()).reshape(-1) if isinstance(a, Remote) else a, matrices) for a, matrices in parts]
        return made_planes(port, there)

    def make(room: Callable[[int], None]) -> tuple[Planes, int]:
        patterns = [placed(array.read()).reshape(-1) for array, _ in parts]
        zeros = 0 if fused else low_zeros(port, patterns)
        room((port.width - zeros) * 4 * sum(matrices.size for _, matrices in parts))
        made = made_planes(port, [(one, matrices) for one, (_, matrices) in zip(patterns, parts, strict=True)], zeros)
        return made, made.array.nbytes

    key = port.width, fused, *((array.key, matrices.entries.tobytes()) for array, matrices in parts)
    planes: Planes = kept.once(key, make)
    return planes
