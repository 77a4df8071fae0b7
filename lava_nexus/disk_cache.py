"""What is costly to build, kept on disk by the name of its content.

Entries are npz files (plain arrays and JSON metadata, never pickles) under $LAVA_NEXUS_CACHE, else
$XDG_CACHE_HOME/lava_nexus, else ~/.cache/lava_nexus. A missing, unreadable or corrupt entry is built again; an
unwritable directory is no error.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.files import DAMAGED

T = TypeVar("T")
Arrays = Mapping[str, NDArray[Any]]
Metadata = Mapping[str, Any]

_METADATA = "metadata_json"


def cache_directory() -> Path:
    """Where entries are kept; it need not exist."""
    chosen = os.environ.get("LAVA_NEXUS_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path(os.path.expanduser("~")) / ".cache") / "lava_nexus"


def source_digest(*files: str) -> str:
    """SHA-256 over the contents of source files: as part of a key, a changed builder finds no old entries."""
    state = hashlib.sha256()
    for file in files:
        state.update(Path(file).read_bytes())
    return state.hexdigest()


def cached(
    kind: str,
    key: str,
    build: Callable[[], T],
    save: Callable[[T], tuple[Arrays, Metadata]],
    load: Callable[[Arrays, Metadata], T],
) -> T:
    """The entry `key` of `kind`, from disk where it is there and whole, else built and stored.

    Args:
        kind: names the folder, one for each type of entry.
        key: names all that the entry depends on, the version of its builder included; any string.
        build: makes the entry.
        save: the entry as plain arrays by name, and JSON metadata.
        load: the inverse of `save`; raises ValueError or KeyError on arrays that do not fit, a corrupt entry.
    """
    path = cache_directory() / kind / f"{hashlib.sha256(key.encode()).hexdigest()}.npz"
    try:
        return load(*_read(path, key))
    except DAMAGED:
        entry = build()
    arrays, metadata = save(entry)
    _write(path, arrays, {"key": key, "metadata": dict(metadata)})
    return entry


def _read(path: Path, key: str) -> tuple[Arrays, Metadata]:
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    header = json.loads(arrays.pop(_METADATA).tobytes())
    if header["key"] != key:
        raise ValueError("entry of another key")
    return arrays, header["metadata"]


def _write(path: Path, arrays: Arrays, header: Metadata) -> None:
    """Whole or not at all: written beside its place, then moved there."""
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".partial")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **{_METADATA: text}, **arrays)
            os.replace(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)
