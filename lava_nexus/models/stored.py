"""Files that hold weights, read tensor by tensor: safetensors, PyTorch's pickles of tensors alone, GGUF."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError, needs_package
from lava_nexus.models.checkpoint import dtype_name, opened, read_float8
from lava_nexus.models.spec import Shape
from lava_nexus.torch.pickled import read_pickled

Rows = slice | NDArray[np.int64]

DTYPES = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
"""What weights may be stored in; a float64 is rounded to FP32 when it is read, as transformers does."""
QUANTISED = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K")
"""Types of a GGUF file's tensors that are read, each as the FP32 numbers that it stands for."""


class StoredFile(ABC):
    """A file with tensors by name.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def shapes(self) -> dict[str, tuple[Shape, str]]:
        """(shape, dtype) of every tensor by name."""

    @abstractmethod
    def rows(self, name: str, rows: Rows) -> NDArray[Any]:
        """Some rows (first axis) of a tensor."""


def stored_file(path: Path) -> StoredFile:
    """The file, as its name says.

    Raises:
        NexusError: it is missing, or no whole file of its kind.
    """
    kinds: dict[str, type[StoredFile]] = {".safetensors": _Safetensors, ".gguf": GgufFile}
    return kinds.get(path.suffix, _Pickled)(path)


class _Safetensors(StoredFile):
    @cached_property
    def shapes(self) -> dict[str, tuple[Shape, str]]:
        with opened(self.path) as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (a safetensors file is no dict)
            return {name: (tuple(s.get_shape()), dtype_name(s.get_dtype())) for name, s in slices.items()}

    def rows(self, name: str, rows: Rows) -> NDArray[Any]:
        shape, dtype = self.shapes[name]
        if dtype.startswith("float8"):
            return read_float8(self.path, name, dtype, shape)[rows]
        with opened(self.path) as file:
            if not isinstance(rows, slice):
                table = file.get_slice(name)
                return np.stack([table[int(row) : int(row) + 1][0] for row in rows])
            whole = (rows.start, rows.stop) == (0, shape[0])
            return np.asarray(file.get_tensor(name) if whole else file.get_slice(name)[rows.start : rows.stop])


class _Pickled(StoredFile):
    """By PyTorch, with `weights_only`: tensors and plain containers, nothing that runs."""

    @cached_property
    def _tensors(self) -> dict[str, Any]:
        return read_pickled(self.path)

    @cached_property
    def shapes(self) -> dict[str, tuple[Shape, str]]:
        return {name: (tuple(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in self._tensors.items()}

    def rows(self, name: str, rows: Rows) -> NDArray[Any]:
        tensor = self._tensors[name]
        part = tensor[rows if isinstance(rows, slice) else rows.tolist()]
        return np.asarray((part if str(part.dtype) == "torch.float64" else part.float()).numpy())


@lru_cache(maxsize=2)
def _gguf_reader(kind: Callable[[Path], Any], path: Path, size: int, changed: int) -> Any:
    """One for a file as it is: its metadata, a vocabulary's words among it, take seconds to read."""
    return kind(path)


class GgufFile(StoredFile):
    """By the gguf package; quantised blocks become the FP32 numbers that they stand for."""

    @cached_property
    def reader(self) -> Any:
        """What the package makes of the file."""
        needs_package(f"checkpoint '{self.path}', a GGUF file,", "gguf")
        import gguf

        try:
            found = self.path.stat()
            return _gguf_reader(gguf.GGUFReader, self.path, found.st_size, found.st_mtime_ns)
        except (OSError, ValueError, IndexError, KeyError) as error:
            raise NexusError(f"checkpoint '{self.path}' is truncated or no GGUF file: {error}") from error

    def value(self, key: str) -> Any:
        """A value of the metadata, None where there is none."""
        field = self.reader.get_field(key)
        return None if field is None else field.contents()

    @cached_property
    def _tensors(self) -> dict[str, Any]:
        return {str(tensor.name): tensor for tensor in self.reader.tensors}

    @cached_property
    def shapes(self) -> dict[str, tuple[Shape, str]]:
        """As the metadata has them."""

        def dtype(tensor: Any) -> str:
            kind = str(tensor.tensor_type.name)
            return "float32" if kind in QUANTISED else kind

        return {name: (tuple(int(n) for n in t.shape[::-1]), dtype(t)) for name, t in self._tensors.items()}

    def rows(self, name: str, rows: Rows) -> NDArray[Any]:
        """As FP32."""
        import gguf

        tensor = self._tensors[name]
        if len(tensor.shape) == 1:
            return np.asarray(gguf.quants.dequantize(tensor.data, tensor.tensor_type), np.float32)[rows]
        return np.asarray(gguf.quants.dequantize(tensor.data[rows], tensor.tensor_type), np.float32)
