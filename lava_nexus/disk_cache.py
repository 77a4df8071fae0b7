"""What is costly to build, kept on disk by the name of its content.

Entries are files of bytes under $LAVA_NEXUS_CACHE, else $XDG_CACHE_HOME/lava_nexus, else ~/.cache/lava_nexus: npz
(plain arrays and JSON metadata, never pickles), and compiled code. Each ends in the SHA-256 of its content, which is
checked before use: an entry that is missing or damaged is built again. Compiled code runs, so only what nobody else can
have written is read: folders are made with mode 0700; one that is another user's, or that others can write, is not
used, with a warning; nor is such a file. A directory that cannot be made or written is no error.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.files import DAMAGED, own_folder, packed, read_regular, sealed, unpacked, unsealed
from lava_nexus.progress import doing

T = TypeVar("T")
Arrays = Mapping[str, NDArray[Any]]
Metadata = Mapping[str, Any]


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
    what: str = "",
) -> T:
    """The entry `key` of `kind`, from disk where it is there and whole, else built and stored.

    Args:
        kind: names the folder, one for each type of entry.
        key: names all that the entry depends on, the version of its builder included; any string.
        build: makes the entry.
        save: the entry as plain arrays by name, and JSON metadata.
        load: the inverse of `save`; what it raises of arrays that do not fit has the entry built again.
        what: building it is called, while it lasts.
    """
    name = f"{_name(key)}.npz"
    try:
        header, arrays = unpacked(_read(kind, name))
        if header["key"] != key:
            raise ValueError("entry of another key")
        return load(arrays, header["metadata"])
    except (*DAMAGED, NexusError):
        with doing(what or f"building {kind}"):
            entry = build()
    plain, metadata = save(entry)
    _write(kind, name, packed({"key": key, "metadata": dict(metadata)}, plain))
    return entry


def recalled(kind: str, key: str) -> bytes | None:
    """The bytes kept for a key, None where they are not there, damaged, or others could have written them."""
    try:
        return unsealed(_read(kind, _name(key)))
    except DAMAGED:
        return None


def remember(kind: str, key: str, body: bytes) -> None:
    """Keeps bytes for `recalled`, where the directory can be written."""
    _write(kind, _name(key), sealed(body))


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _read(kind: str, name: str) -> bytes:
    folder = cache_directory() / kind
    for place in (folder.parent, folder):
        if not own_folder(place):
            _warn(place)
            raise PermissionError("others can write here")
    return read_regular(folder / name, own=True)


def _write(kind: str, name: str, data: bytes) -> None:
    """Whole or not at all: written beside its place, then moved there."""
    folder = cache_directory() / kind
    with suppress(OSError):
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        for place in (folder.parent, folder):
            place.mkdir(mode=0o700, exist_ok=True)
            if not own_folder(place):
                _warn(place)
                return
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".partial")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(temporary, folder / name)
        finally:
            Path(temporary).unlink(missing_ok=True)


@cache
def _warn(folder: Path) -> None:
    warnings.warn(
        f"cache folder '{folder}' is not used: it belongs to another user or others can write in it, and what it keeps "
        "runs as machine code; give it to yourself alone (chmod 700), or name another in LAVA_NEXUS_CACHE",
        stacklevel=2,
    )
