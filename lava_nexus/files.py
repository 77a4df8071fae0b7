"""Files that are either whole or absent: written beside their place, then moved into it."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

from lava_nexus.errors import NexusError

DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading JSON or npz of another form, cut short or overwritten, raises."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path in the folder of `path`; what was written there replaces `path` when the block ends well.

    An error inside the block removes the temporary file and leaves `path` as it was.

    Raises:
        NexusError: the system refuses to write, for example because the disk is full.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system refuses is a sentence that names the path."""
    try:
        yield
    except OSError as error:
        raise NexusError(f"'{path}' cannot be written: {(error.strerror or str(error)).lower()}") from error


def append_line(path: Path, text: str) -> None:
    """Adds a line of UTF-8 text to a file, at once; where the system refuses, part of it may be there, without its end.

    Raises:
        NexusError: the system refuses to write, for example because the disk is full.
    """
    with _told(path), path.open("a", encoding="utf-8") as file:
        file.write(text + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Writes bytes, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def prepare_folder(path: Path) -> Path:
    """Makes a folder for results and tries that a file can be written there, before hours of work depend on it.

    Raises:
        NexusError: the path is a file, or the folder cannot be made or written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path, prefix=".writable."):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NexusError(f"results cannot be written to folder '{path}': {reason}") from error
    return path


def content_digest(path: Path) -> str:
    """SHA-256 of a file's content; read once, as long as size and time of the file stay.

    Raises:
        NexusError: it cannot be read.
    """
    try:
        stat = path.stat()
        return _content_digest(path, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise NexusError(f"'{path}' cannot be read: {(error.strerror or str(error)).lower()}") from error


@cache
def _content_digest(path: Path, size: int, time: int) -> str:
    state = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            state.update(block)
    return state.hexdigest()
