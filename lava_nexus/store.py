"""The one store of unfinished work: finished pieces of a long run, so that a run that was ended goes on.

A piece is an npz file whose last line is the SHA-256 of all that stands before it. It holds JSON values, arrays, its
key and the identity of the run: config, weights, data, the package's version and sources, Python and the packages, and
the processor where bits depend on it. A piece is written whole or not at all; one that is damaged or of another
identity is refused. Only files of the store's own names are ever removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lava_nexus.disk_cache import source_digest
from lava_nexus.errors import NexusError, brief
from lava_nexus.files import DAMAGED, packed, read_regular, unpacked, write_bytes

_PACKAGES = ("lava-nexus", "lava-nc", "lava-dl", "numpy", "numba", "torch")


def installed_versions() -> dict[str, str]:
    """Package name to version, Python first; packages that are not installed are left out."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


_SCHEMA = 1
_SHOWN = 40  # characters of an identity's part that are kept as they are, and named where they differ
THREADS = "LAVA_NEXUS_THREADS"
"""Variable of the environment: most threads that an executor of this process takes."""
_SETTINGS = ("ATEN_CPU_CAPABILITY", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class Piece:
    """What a finished piece holds.

    Attributes:
        values: JSON values.
        arrays: by name.
    """

    values: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


class Store:
    """The finished pieces of one run in a folder.

    Attributes:
        folder: where they are.
        kind: what a piece is called, in messages and at the start of its file's name: "step", "item", "cell".
        identity: text or digest of each thing that a piece depends on.
    """

    def __init__(self, folder: Path, kind: str, identity: Mapping[str, Any], sources: str | None = None) -> None:
        """Names the run.

        Args:
            folder: need not exist.
            kind: a word of letters.
            identity: JSON values by what they are called in messages: "config", "weights", "processor".
            sources: digest of the sources that pieces depend on; None for all of the package.
        """
        self.folder, self.kind = folder, kind
        versions = installed_versions()
        own = {
            "package version": versions.pop("lava-nexus", "none"),
            "sources": sources or package_sources(),
            "environment": versions,
        }
        self.identity = {name: _named(value) for name, value in {**identity, **own}.items()}

    @property
    def paths(self) -> list[Path]:
        """Files of finished pieces, whatever run they are of."""
        own = re.compile(rf"{self.kind}[0-9a-f]{{4,}}\.npz")
        return sorted(path for path in self.folder.glob(f"{self.kind}*.npz") if own.fullmatch(path.name))

    def begin(self, resume: bool = False, restart: bool = False) -> None:
        """Decides what becomes of the pieces of an earlier run that was ended.

        Raises:
            NexusError: there are some, and it was not said whether to go on from them or to begin anew.
        """
        if restart:
            self.clear()
        elif not resume and (found := len(self.paths)):
            what = f"{found} finished {self.kind}{'s' * (found > 1)}"
            raise NexusError(
                f"folder '{self.folder}' holds {what} of a run that was ended: go on with --resume, or begin anew with "
                "--restart"
            )

    def put(self, key: int | str, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Keeps a piece, whole or not at all.

        Raises:
            NexusError: the system refuses to write.
        """
        header = {"schema": _SCHEMA, "key": key, "identity": self.identity, "values": dict(values)}
        write_bytes(self.path(key), packed(header, arrays or {}))

    def get(self, key: int | str) -> Piece | None:
        """A piece, or None where it is not there.

        Raises:
            NexusError: it is damaged, or of another run.
        """
        path = self.path(key)
        try:
            header, arrays = unpacked(read_regular(path))
            kept = header["identity"]
            if header["schema"] != _SCHEMA or header["key"] != key:
                raise ValueError("it is another piece")
        except FileNotFoundError:
            return None
        except DAMAGED as error:
            raise NexusError(
                f"finished {self.kind} '{path}' cannot be read ({error}); begin anew with --restart"
            ) from error
        differing = next(
            (part for part in {**self.identity, **kept} if kept.get(part) != self.identity.get(part)), None
        )
        if differing:
            raise NexusError(
                f"finished {self.kind} '{path}' is of a run with another {differing}"
                f"{_beside(kept.get(differing), self.identity.get(differing))}; begin anew with --restart"
            )
        return Piece(header["values"], arrays)

    def recall(self, key: str) -> Piece | None:
        """A piece that is named by all that it depends on, the run's identity too; None where it is lost or damaged."""
        try:
            return self.get(self._addressed(key))
        except NexusError:
            return None

    def remember(self, key: str, values: Mapping[str, Any]) -> None:
        """Keeps values for `recall`."""
        self.put(self._addressed(key), values)

    def kept(self, key: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Values for `recall`, computed and kept where they are not there."""
        piece = self.recall(key)
        if piece is not None:
            return piece.values
        values = compute()
        self.remember(key, values)
        return values

    def clear(self) -> None:
        """Removes the pieces, and the folder where nothing else is in it.

        Raises:
            NexusError: the system refuses.
        """
        for path in self.paths:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise NexusError(f"'{path}' cannot be removed: {(error.strerror or str(error)).lower()}") from error
        with suppress(OSError):
            self.folder.rmdir()

    def path(self, key: int | str) -> Path:
        """Where a piece is kept: numbered, or named by the digest of a text."""
        name = f"{key:04d}" if isinstance(key, int) else hashlib.sha256(key.encode()).hexdigest()[:24]
        return self.folder / f"{self.kind}{name}.npz"

    def _addressed(self, key: str) -> str:
        return f"{key} {json.dumps(self.identity, sort_keys=True)}"


@cache
def package_sources() -> str:
    """SHA-256 over all Python files of the package."""
    return source_digest(*(str(path) for path in sorted(Path(__file__).parent.rglob("*.py"))))


@cache
def processor() -> dict[str, str]:
    """What the bits of PyTorch's kernels depend on: the processor's name, and settings of the libraries."""
    name = platform.processor() or platform.machine()
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        name = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), name)
    return {"name": name, "cores": str(_usable()), **{key: os.environ[key] for key in _SETTINGS if key in os.environ}}


def processors() -> int:
    """That this process may use: `LAVA_NEXUS_THREADS`, or all that it may run on.

    Raises:
        NexusError: the variable is no whole number above 0.
    """
    asked = os.environ.get(THREADS)
    if asked is not None:
        if not asked.isdecimal() or int(asked) < 1:
            raise NexusError(
                f"variable {THREADS} of the environment is '{brief(asked)}', must be a whole number above 0"
            )
        return int(asked)
    return _usable()


def _usable() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _named(value: Any) -> str:
    """Words and numbers as they are where they are short, else a digest."""
    text = value if isinstance(value, str) else json.dumps(value) if isinstance(value, int | float) else ""
    if 0 < len(text) <= _SHOWN:
        return text
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _beside(kept: str | None, today: str | None) -> str:
    """Both values in brackets, where both are short."""
    shown = [text for text in (kept, today) if text and len(text) <= _SHOWN]
    return f" ({shown[0]}, not {shown[1]})" if len(shown) == 2 else ""
