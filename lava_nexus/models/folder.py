"""A Hugging Face folder: which files hold its weights, under which names, and what of them is read."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.documents import read_json
from lava_nexus.errors import NexusError
from lava_nexus.files import content_digest
from lava_nexus.models.checkpoint import check_finite, first_of
from lava_nexus.models.gguf_model import FREED, gguf_in, gguf_name
from lava_nexus.models.spec import Shape
from lava_nexus.models.stored import DTYPES, QUANTISED, StoredFile, stored_file
from lava_nexus.models.tensors import TensorSource, Weights

_SINGLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLED, _PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"


class FolderTensors(TensorSource):
    """A Hugging Face folder, or a GGUF file; of a folder those files are read that transformers reads.

    That is the first of these that are there: `model.safetensors`, the shards of `model.safetensors.index.json`,
    `pytorch_model.bin`, the shards of `pytorch_model.bin.index.json`; else the one safetensors file.

    Attributes:
        remarks: further sentences for reports.

    Raises:
        NexusError: no such file, an index that is no index, or a shard that is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        single = gguf_in(folder)
        stored, self._index = _files(folder) if single is None else (_names(single), "")
        self._stored = {_today(name, stored) if single is None else gguf_name(name): name for name in stored}
        self._files = {name: stored[old] for name, old in self._stored.items()}
        self._opened: dict[Path, StoredFile] = {}
        self._left: list[str] = []
        self.remarks: list[str] = []

    @property
    def names(self) -> set[str]:
        """All tensors."""
        return set(self._files)

    @property
    def notes(self) -> tuple[str, ...]:
        """Which files were read, by their digests, and which tensors were not."""
        files = ", ".join(f"{path.name} (SHA-256 {content_digest(path)[:16]})" for path in self._paths())
        unread = (f"Tensors that the model has no use for: {first_of(self._left)}.",) if self._left else ()
        return (f"Weights: {self.name}: {files}.", *unread, *self.remarks)

    def check(self, expected: Mapping[str, Shape], ignored: Iterable[str] = ()) -> None:
        """Against the headers of the files."""
        missing = [name for name in expected if name not in self._files]
        if missing:
            raise NexusError(f"checkpoint '{self.name}' has no tensor {first_of(missing)}, which its config asks for")
        self._left = sorted(self._files.keys() - expected.keys() - {FREED})
        spare = [name for name in self._left if not any(part in name for part in ignored)]
        if spare:
            raise NexusError(
                f"checkpoint '{self.name}' has tensor {first_of(spare)}, which the model of its config does not have"
            )
        for name, shape in expected.items():
            file, stored = self._file(name), self._stored[name]
            if stored not in file.shapes:
                raise NexusError(
                    f"checkpoint '{file.path}' has no tensor '{stored}', which '{self._index}' says it holds"
                )
            _check_header(file, stored, shape)

    def identity(self) -> Any:
        """Names and SHA-256 of the files."""
        return [[path.name, content_digest(path)] for path in self._paths()]

    def rows(self, name: str, shape: Shape, rows: slice | NDArray[np.int64]) -> Weights:
        """Read from a map of the file where it is one; only the rows wanted are copied."""
        file, stored = self._file(name), self._stored[name]
        _check_header(file, stored, shape)
        tensor = file.rows(stored, rows)
        check_finite(file.path, stored, tensor)
        with np.errstate(over="ignore"):
            narrowed = tensor.astype(np.float32, copy=False)
        check_finite(file.path, stored, narrowed)
        return narrowed

    def halved(self, name: str) -> bool:
        """Whether its file, which is no pickle, has it in BF16."""
        file, stored = self._file(name), self._stored[name]
        return file.path.suffix == ".safetensors" and file.shapes[stored][1] == "bfloat16"

    def upper_halves(self, name: str, shape: Shape, rows: slice, out: NDArray[np.uint16]) -> None:
        """As they are stored."""
        file, stored = self._file(name), self._stored[name]
        _check_header(file, stored, shape)
        tensor = file.rows(stored, rows)
        check_finite(file.path, stored, tensor)
        out[...] = tensor.view(np.uint16)

    def _paths(self) -> list[Path]:
        return sorted(set(self._files.values()))

    def _file(self, name: str) -> StoredFile:
        path = self._files[name]
        if path not in self._opened:
            self._opened[path] = stored_file(path)
        return self._opened[path]


def _check_header(file: StoredFile, name: str, shape: Shape) -> None:
    found, dtype = file.shapes[name]
    if found != shape:
        raise NexusError(f"checkpoint '{file.path}': tensor '{name}' has shape {found}, its config makes it {shape}")
    known = QUANTISED if file.path.suffix == ".gguf" else DTYPES
    if dtype not in DTYPES:
        raise NexusError(
            f"checkpoint '{file.path}': tensor '{name}' has dtype {dtype}, must be one of {', '.join(known)}"
        )


def _today(name: str, names: Collection[str]) -> str:
    """The name that a tensor has now; norms of old checkpoints call their weight gamma and their bias beta."""
    for old, new in ((".gamma", ".weight"), (".beta", ".bias")):
        renamed = name.removesuffix(old) + new
        if name.endswith(old) and renamed not in names:
            return renamed
    return name


def _files(folder: Path) -> tuple[dict[str, Path], str]:
    """(file of every tensor, name of the index, empty without one)."""
    for single, index in ((_SINGLE, _INDEX), (_PICKLED, _PICKLED_INDEX)):
        if (folder / single).exists():
            return _names(folder / single), ""
        if (folder / index).exists():
            return _shards(folder, index), index
    found = sorted(folder.glob("*.safetensors"))
    if len(found) != 1:
        raise NexusError(
            f"checkpoint '{folder}' has {len(found)} safetensors files and no index; "
            f"it needs '{_SINGLE}', '{_INDEX}' or '{_PICKLED}'"
        )
    return _names(found[0]), ""


def _names(path: Path) -> dict[str, Path]:
    return {name: path for name in stored_file(path).shapes}


def _shards(folder: Path, index: str) -> dict[str, Path]:
    shards = _read_index(folder / index)
    for shard in dict.fromkeys(shards.values()):
        if not (folder / shard).exists():
            raise NexusError(f"checkpoint '{folder}' misses the shard '{shard}', which '{index}' names")
    return {name: folder / shard for name, shard in shards.items()}


def _read_index(path: Path) -> dict[str, str]:
    found: Any = read_json(path)
    found = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not all(isinstance(v, str) and _inside(v) for v in found.values()):
        raise NexusError(f"'{path}' has no 'weight_map' from tensors to files of its folder")
    return {str(name): os.path.normpath(shard) for name, shard in found.items()}


def _inside(shard: str) -> bool:
    """Whether a path leads into the folder."""
    path = Path(os.path.normpath(shard))
    return bool(shard) and not path.is_absolute() and ".." not in path.parts
