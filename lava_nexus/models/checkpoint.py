"""Weights in safetensors files, read and written without PyTorch; a bad file is one sentence.

Source of the format: https://huggingface.co/docs/safetensors (8-byte length, JSON header, little-endian data).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lava_nexus.errors import NexusError
from lava_nexus.files import write_bytes

_DTYPE_CODES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
_HEADER_ALIGNMENT = 8


def load_checkpoint(
    path: str | os.PathLike[str], expected: Mapping[str, tuple[int, ...]], dtype: DTypeLike = np.float32
) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file, which must be exactly those expected, in the order of `expected`.

    Args:
        expected: name to shape of every tensor that the file must hold; it may hold no other.
        dtype: element type of every tensor, numpy's or ml_dtypes'.

    Raises:
        NexusError: the file is missing or no whole safetensors file; a tensor is missing, not expected, or of the
            wrong shape or dtype; or a weight is NaN or infinite.
    """
    with opened(Path(path)) as file:
        _check_names(Path(path), expected, file.keys())
        return {name: _tensor(Path(path), file, name, shape, np.dtype(dtype)) for name, shape in expected.items()}


def checkpoint_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The free text that a safetensors file carries, empty where it has none.

    Raises:
        NexusError: the file is missing or no whole safetensors file.
    """
    with opened(Path(path)) as file:
        return dict(file.metadata() or {})


def save_checkpoint(
    path: str | os.PathLike[str], tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> None:
    """Writes a safetensors file, whole or not at all; equal tensors and metadata give equal bytes.

    Raises:
        NexusError: a weight is NaN or infinite.
    """
    for name, tensor in tensors.items():
        check_finite(Path(path), name, tensor)
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    write_bytes(Path(path), _with_sorted_header(save(contiguous, dict(metadata or {}))))


def _with_sorted_header(data: bytes) -> bytes:
    """The file with its header's keys sorted: safetensors leaves metadata in the order of a hash table."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % _HEADER_ALIGNMENT)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The safetensors file, mapped.

    Raises:
        NexusError: it is missing or no whole safetensors file.
    """
    if not path.exists():
        raise NexusError(f"checkpoint '{path}' does not exist")
    if not path.is_file():
        raise NexusError(f"checkpoint '{path}' is not a file")
    try:
        with safe_open(str(path), framework="numpy") as file:
            yield file
    except SafetensorError as error:
        size = path.stat().st_size
        raise NexusError(f"checkpoint '{path}' ({size} bytes) is truncated or no safetensors file: {error}") from error
    except OSError as error:
        raise NexusError(f"checkpoint '{path}' cannot be read: {(error.strerror or str(error)).lower()}") from error


def _check_names(path: Path, expected: Mapping[str, tuple[int, ...]], found: Iterable[str]) -> None:
    present = set(found)
    missing = [name for name in expected if name not in present]
    if missing:
        raise NexusError(f"checkpoint '{path}' has no tensor {first_of(missing)}")
    unexpected = sorted(present - set(expected))
    if unexpected:
        raise NexusError(f"checkpoint '{path}' has tensor {first_of(unexpected)}, which the model does not have")


def first_of(names: list[str]) -> str:
    """The first name in quotes, and how many more there are."""
    return f"'{names[0]}'" + (f" (and {len(names) - 1} more)" if len(names) > 1 else "")


def _tensor(path: Path, file: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    header = file.get_slice(name)
    found_shape, code = tuple(header.get_shape()), header.get_dtype()
    if found_shape != tuple(shape):
        raise NexusError(f"checkpoint '{path}': tensor '{name}' has shape {found_shape}, must have {tuple(shape)}")
    found_dtype = dtype_name(code)
    if found_dtype != dtype.name:
        raise NexusError(f"checkpoint '{path}': tensor '{name}' has dtype {found_dtype}, must have {dtype.name}")
    tensor = read_float8(path, name, dtype, shape) if dtype.itemsize == 1 else np.asarray(file.get_tensor(name))
    check_finite(path, name, tensor)
    return tensor


def read_float8(path: Path, name: str, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """A tensor of a file that is known to be whole, by its offset: safetensors' numpy front cannot make FP8."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        begin, end = json.loads(file.read(length))[name]["data_offsets"]
        file.seek(8 + length + begin)
        return np.frombuffer(bytearray(file.read(end - begin)), np.dtype(dtype)).reshape(shape)


def dtype_name(code: str) -> str:
    """numpy's name of a safetensors dtype; the code itself where there is none."""
    return _DTYPE_CODES.get(code, code)


def check_finite(path: Path, name: str, tensor: NDArray[Any]) -> None:
    """Raises NexusError where a weight is NaN or infinite."""
    finite = np.isfinite(tensor)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise NexusError(
            f"checkpoint '{path}': tensor '{name}' holds {tensor[index]!s} at index {list(index)}, "
            "every weight must be a finite number"
        )
