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
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.files import DAMAGED, own_folder, packed, read_regular, sealed, unpacked, unsealed
from lava_nexus.progress import doing

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

T = TypeVar("T")
Arrays = Mapping[str, NDArray[Any]]
Metadata = Mapping[str, Any]
_PATIENCE_SECONDS = 120.0


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

    def kept() -> T:
        header, arrays = unpacked(_read(kind, name))
        if header["key"] != key:
            raise ValueError("entry of another key")
        return load(arrays, header["metadata"])

    with suppress(*DAMAGED, NexusError):
        return kept()
    with _turn(kind, name) as waited, doing(what or f"building {kind}"):
        if waited:
            with suppress(*DAMAGED, NexusError):
                return kept()
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


@contextmanager
def _turn(kind: str, name: str) -> Iterator[bool]:
    """Whether another process was waited for that builds the same entry: two would build the same twice as slowly.

    The system ends a lock with its process; one that stands still is waited for so long and no longer. Where the folder
    is not there yet or cannot be locked, nobody waits.
    """
    lock, handle, waited = cache_directory() / kind / f"{name}.lock", None, False
    with suppress(OSError):
        if fcntl is not None and _made(kind):
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        end = time.monotonic() + _PATIENCE_SECONDS
        while handle is not None and time.monotonic() < end:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = True
                time.sleep(0.05)
            except OSError:  # a file system without locks
                break
        yield waited
    finally:
        if handle is not None:
            with suppress(OSError):
                lock.unlink()
            os.close(handle)


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
        if not _made(kind):
            return
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".partial")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(temporary, folder / name)
        finally:
            Path(temporary).unlink(missing_ok=True)


def _made(kind: str) -> bool:
    """Makes the folder of a kind; whether it, and that above it, are the user's alone."""
    folder = cache_directory() / kind
    folder.parent.parent.mkdir(parents=True, exist_ok=True)
    for place in (folder.parent, folder):
        place.mkdir(mode=0o700, exist_ok=True)
        if not own_folder(place):
            _warn(place)
            return False
    return True


@cache
def _warn(folder: Path) -> None:
    warnings.warn(
        f"cache folder '{folder}' is not used: it belongs to another user or others can write in it, and what it keeps "
        "runs as machine code; give it to yourself alone (chmod 700), or name another in LAVA_NEXUS_CACHE",
        stacklevel=2,
    )
