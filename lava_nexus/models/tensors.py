"""Where a model's weights come from: safetensors in a folder, or seeded random numbers of the same shapes.

Both are read tensor by tensor when a layer is about to run; no more than a layer is ever in memory.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.documents import read_json
from lava_nexus.errors import NexusError
from lava_nexus.files import content_digest
from lava_nexus.models.checkpoint import check_finite, dtype_name, first_of, opened
from lava_nexus.models.spec import Shape, Tensors

Weights = NDArray[np.float32]

_INDEX, _SINGLE = "model.safetensors.index.json", "model.safetensors"
_DTYPES = ("float32", "float16", "bfloat16")


class TensorSource(ABC):
    """Tensors by name, as FP32, which holds FP32, FP16 and BF16 weights exactly.

    Attributes:
        name: for reports and errors.
    """

    name: str

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

    def tensors(self, wanted: Tensors) -> dict[str, Weights]:
        """Whole tensors by role."""
        return {role: self.rows(name, shape, slice(0, shape[0])) for role, (name, shape) in wanted.items()}


class FolderTensors(TensorSource):
    """A Hugging Face folder: one safetensors file, or shards with `model.safetensors.index.json`.

    Raises:
        NexusError: no safetensors file, an index that is no index, or a shard that is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        stored = _files(folder)
        self._stored = {_today(name, stored): name for name in stored}
        self._files = {name: stored[old] for name, old in self._stored.items()}

    @property
    def names(self) -> set[str]:
        """All tensors."""
        return set(self._files)

    def check(self, expected: Mapping[str, Shape], ignored: Iterable[str] = ()) -> None:
        missing = [name for name in expected if name not in self._files]
        if missing:
            raise NexusError(f"checkpoint '{self.name}' has no tensor {first_of(missing)}, which its config asks for")
        spare = sorted(n for n in self._files.keys() - expected.keys() if not any(part in n for part in ignored))
        if spare:
            raise NexusError(
                f"checkpoint '{self.name}' has tensor {first_of(spare)}, which the model of its config does not have"
            )
        for path in dict.fromkeys(self._files[name] for name in expected):
            with opened(path) as file:
                held = set(file.keys())
                for name in (n for n in expected if self._files[n] == path):
                    if (stored := self._stored[name]) not in held:
                        raise NexusError(
                            f"checkpoint '{path}' has no tensor '{stored}', which '{_INDEX}' says it holds"
                        )
                    _check_header(path, file, stored, expected[name])

    def identity(self) -> Any:
        return [[path.name, content_digest(path)] for path in sorted(set(self._files.values()))]

    def rows(self, name: str, shape: Shape, rows: slice | NDArray[np.int64]) -> Weights:
        """Read from a map of the file; only the rows wanted are copied."""
        path, name = self._files[name], self._stored[name]
        with opened(path) as file:
            _check_header(path, file, name, shape)
            if isinstance(rows, slice):
                whole = (rows.start, rows.stop) == (0, shape[0])
                found = file.get_tensor(name) if whole else file.get_slice(name)[rows.start : rows.stop]
            else:
                table = file.get_slice(name)
                found = np.stack([table[int(row) : int(row) + 1][0] for row in rows])
        tensor = np.asarray(found)
        check_finite(path, name, tensor)
        return tensor.astype(np.float32, copy=False)


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
        return self.name

    def rows(self, name: str, shape: Shape, rows: slice | NDArray[np.int64]) -> Weights:
        """Made row by row; a vector is one row."""
        centre = np.float32("norm" in name.lower() and name.endswith("weight"))
        if len(shape) == 1:
            return np.asarray(centre + self._row(name, 0, shape[0])[rows])
        numbers = range(rows.start, rows.stop) if isinstance(rows, slice) else [int(row) for row in rows]
        out = np.empty((len(numbers), *shape[1:]), np.float32)
        for i, row in enumerate(numbers):
            out[i] = self._row(name, row, shape[1])
        return out

    def _row(self, name: str, row: int, width: int) -> Weights:
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
        bits = np.random.Philox(key=[self._seed, key], counter=[0, row, 0, 0])
        return np.float32(0.02) * np.random.Generator(bits).standard_normal(width, np.float32)


class HeldTensors(TensorSource):
    """What another source gave, kept in memory; single rows are asked for anew."""

    def __init__(self, source: TensorSource) -> None:
        self.name = source.name
        self._source = source
        self._held: dict[tuple[str, int, int], Weights] = {}

    def check(self, expected: Mapping[str, Shape], ignored: Iterable[str] = ()) -> None:
        self._source.check(expected, ignored)

    def identity(self) -> Any:
        return self._source.identity()

    def rows(self, name: str, shape: Shape, rows: slice | NDArray[np.int64]) -> Weights:
        """A slice is read once."""
        if not isinstance(rows, slice):
            return self._source.rows(name, shape, rows)
        key = (name, rows.start, rows.stop)
        if key not in self._held:
            self._held[key] = self._source.rows(name, shape, rows)
        return self._held[key]


def _today(name: str, names: Collection[str]) -> str:
    """The name that a tensor has now; norms of old checkpoints call their weight gamma and their bias beta."""
    for old, new in ((".gamma", ".weight"), (".beta", ".bias")):
        renamed = name.removesuffix(old) + new
        if name.endswith(old) and renamed not in names:
            return renamed
    return name


def _files(folder: Path) -> dict[str, Path]:
    """File of every tensor."""
    index = folder / _INDEX
    if index.exists():
        shards = _read_index(index)
        for shard in dict.fromkeys(shards.values()):
            if not (folder / shard).exists():
                raise NexusError(f"checkpoint '{folder}' misses the shard '{shard}', which '{_INDEX}' names")
        return {name: folder / shard for name, shard in shards.items()}
    single = [folder / _SINGLE] if (folder / _SINGLE).exists() else sorted(folder.glob("*.safetensors"))
    if len(single) != 1:
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        reason = "its weights are pickled, which is never read" if pickled else f"it needs '{_SINGLE}' or '{_INDEX}'"
        raise NexusError(f"checkpoint '{folder}' has {len(single)} safetensors files and no index; {reason}")
    with opened(single[0]) as file:
        return {name: single[0] for name in file.keys()}  # noqa: SIM118 (a safetensors file is no dict)


def _read_index(path: Path) -> dict[str, str]:
    found: Any = read_json(path)
    found = found.get("weight_map") if isinstance(found, dict) else None
    plain = isinstance(found, dict) and all(isinstance(v, str) and Path(v).name == v for v in found.values())
    if not plain:
        raise NexusError(f"'{path}' has no 'weight_map' from tensors to files of its folder")
    return {str(name): shard for name, shard in found.items()}


def _check_header(path: Path, file: Any, name: str, shape: Shape) -> None:
    header = file.get_slice(name)
    found, dtype = tuple(header.get_shape()), dtype_name(header.get_dtype())
    if found != shape:
        raise NexusError(f"checkpoint '{path}': tensor '{name}' has shape {found}, its config makes it {shape}")
    if dtype not in _DTYPES:
        raise NexusError(f"checkpoint '{path}': tensor '{name}' has dtype {dtype}, must be one of {', '.join(_DTYPES)}")
