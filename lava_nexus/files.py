"""Files that are either whole or absent, and contents that are either those that were written or refused.

What is written stands beside its place first, then is moved into it. What is kept to be read back ends in a seal, the
SHA-256 of all before it, which is checked before anything else is looked at.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import struct
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

DAMAGED = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, SyntaxError),
    *(AssertionError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
)
"""What reading JSON or npz of another form, cut short or overwritten, raises."""


def reason(error: BaseException) -> str:
    """What was wrong with a file, in at most 100 characters: the error's words where it has some, else its kind."""
    try:
        words = " ".join(str(error).split())
    except Exception:  # an error that cannot be told is told by its kind
        words = ""
    text = words if isinstance(error, ValueError | NexusError) and words else f"{type(error).__name__} {words}".strip()
    return text if len(text) <= 100 else f"{text[:97]}..."


_HEADER = "header"
_SEAL = b"sha256 "
_SEAL_BYTES = len(_SEAL) + 64 + 1
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def sealed(body: bytes) -> bytes:
    """The content and, as its last line, its SHA-256."""
    return body + _SEAL + hashlib.sha256(body).hexdigest().encode() + b"\n"


def unsealed(data: bytes) -> bytes:
    """The inverse of `sealed`; raises ValueError where the content has another SHA-256."""
    body = data[:-_SEAL_BYTES]
    if len(data) < _SEAL_BYTES or sealed(body) != data:
        raise ValueError("it is damaged: its content has another SHA-256")
    return body


def packed(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], compressed: bool = False) -> bytes:
    """JSON values and plain arrays by name as a sealed npz file, which other tools read too."""
    data = io.BytesIO()
    text = np.frombuffer(json.dumps(dict(header)).encode(), np.uint8)
    (np.savez_compressed if compressed else np.savez)(data, **{_HEADER: text}, **arrays)
    return sealed(data.getvalue())


def unpacked(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The inverse of `packed`, its seal checked first; raises what `DAMAGED` names."""
    with np.load(io.BytesIO(unsealed(data)), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return dict(json.loads(arrays.pop(_HEADER).tobytes())), arrays


def read_regular(path: Path, own: bool = False, most: int | None = None) -> bytes:
    """The content of a regular file: what is a device, a folder or a pipe without a writer is refused, not waited for.

    Args:
        path: of the file.
        own: whether it must be the user's own, no link, and not writable by others.
        most: bytes that it may have.

    Raises:
        OSError: the system refuses.
        ValueError: it is no regular file, not the user's own, or too large.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    handle = os.open(path, flags | (getattr(os, "O_NOFOLLOW", 0) if own else 0))
    found = os.fstat(handle)
    wrong = not stat.S_ISREG(found.st_mode) and "it is no regular file"
    if stat.S_ISDIR(found.st_mode):
        wrong = "it is a directory, no regular file"
    wrong = wrong or (own and not _own(found) and "it can be written by others")
    if not wrong and most is not None and found.st_size > most:
        wrong = f"it has {found.st_size:,} bytes, more than {most:,}"
    if wrong:
        os.close(handle)
        raise ValueError(wrong)
    with os.fdopen(handle, "rb") as file:
        return file.read()


def own_folder(path: Path) -> bool:
    """Whether a folder is the user's and nobody else can write in it; where there are no users, every folder is."""
    found = os.stat(path)
    return stat.S_ISDIR(found.st_mode) and _own(found)


def _own(found: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or (found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_WRITE)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path in the folder of `path`; what was written there replaces `path` when the block ends well.

    An error inside the block removes the temporary file and leaves `path` as it was.

    Raises:
        NexusError: the system refuses to write, for example because the disk is full.
    """
    temporary = None
    try:
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(path.suffix, f".{path.stem}.", path.parent)
            os.close(handle)
            temporary = Path(name)
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            os.replace(temporary, path)
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@cache
def _umask() -> int:
    """What the process keeps from new files; asked once, since asking means setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system refuses is a sentence that names the path."""
    try:
        yield
    except OSError as error:
        raise NexusError(f"'{path}' cannot be written: {(error.strerror or str(error)).lower()}") from error


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


@contextmanager
def held_folder(path: Path) -> Iterator[Path]:
    """A folder for results, for this run alone as long as the block lasts; nothing is written for that.

    Raises:
        NexusError: another run holds it.
    """
    handle = None
    if fcntl is not None:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise NexusError(f"folder '{path}' is in use by another run; name another folder with --out") from None
        except OSError:
            pass  # a file system without locks
    try:
        yield path
    finally:
        if handle is not None:
            os.close(handle)


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


def in_checkout() -> bool:
    """Whether the package runs from its repository, the one place where a run may change what comes with it."""
    return (Path(__file__).resolve().parents[1] / "pyproject.toml").is_file()
