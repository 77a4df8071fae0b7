"""Which cluster computes independent pieces, what is asked of it, and what a worker of it does with one.

A config's key `cluster` is `local` for processes on this machine, an address (`tcp://host:8786`), or a scheduler file;
`crew` gives pieces out and joins results, `dask_crew` through Dask, which is imported only where the key is there.
"""

from __future__ import annotations

import ctypes
import re
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, field_validator

from lava_nexus.config import Config
from lava_nexus.errors import NexusError, brief
from lava_nexus.store import installed_versions, package_sources, processor, processors

P = TypeVar("P")
R = TypeVar("R")
_HELD = 32  # things that pieces share, kept in a worker's process


class Tls(Config):
    """Certificates of a cluster that speaks TLS (files in PEM).

    Attributes:
        ca, cert, key: of the authority, of this client, and its key.
    """

    ca: Path
    cert: Path
    key: Path


class ClusterConfig(Config):
    """Which cluster; a text stands for `at` alone.

    Attributes:
        at: `local`, an address `tcp://host:port` or `tls://host:port`, or a scheduler file `*.json`.
        workers: processes of a local cluster; None for one a processor that this process may use, or one a GPU.
        threads: that a piece may use in a worker of a local cluster; None for an equal share of the processors.
        memory: bytes that a worker of a local cluster may take; None for an equal share of the machine's.
        gpus: of a local cluster: so many workers, each of which sees one.
        patience_seconds: in which a piece must end before its worker is started anew.
        wait_seconds: for a first worker to be there.
        weights: whether workers read weights from a folder that all share, or are sent what they need of them.
        tls: certificates, where the cluster asks for them.
    """

    at: str = "local"
    workers: int | None = Field(default=None, ge=1, le=1024)
    threads: int | None = Field(default=None, ge=1, le=1024)
    memory: int | None = Field(default=None, ge=1 << 26)
    gpus: int = Field(default=0, ge=0, le=64)
    patience_seconds: float = Field(default=1800.0, gt=0, allow_inf_nan=False)
    wait_seconds: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    weights: str = Field(default="read", pattern="^(read|sent)$")
    tls: Tls | None = None

    @field_validator("at")
    @classmethod
    def _place(cls, at: str) -> str:
        if at != "local" and not at.endswith(".json") and not re.fullmatch(r"(tcp|tls|ucx)://[^\s:]+:\d+", at):
            raise ValueError("must be 'local', an address such as tcp://host:8786, or a scheduler file *.json")
        return at

    @property
    def processes(self) -> int:
        """Of a local cluster."""
        return self.workers or self.gpus or processors()

    @property
    def each(self) -> int:
        """Threads of a worker of a local cluster."""
        return self.threads or max(1, processors() // self.processes)


Cluster = Annotated[
    ClusterConfig | None, BeforeValidator(lambda given: {"at": given} if isinstance(given, str) else given)
]
"""Type of the key `cluster`; None for this process alone."""


class Crew(ABC):
    """What computes pieces.

    Attributes:
        workers: that compute at the same time.
    """

    workers: int

    @abstractmethod
    def map(
        self, function: Callable[[Any, P], R], shared: Any, pieces: Iterable[P], returning: bool = False
    ) -> Iterator[R]:
        """`function(shared, piece)` of every piece, in order, some ahead.

        Args:
            function: of a module that workers can import.
            shared: given to every piece; brought to a worker once, and made ready for that once where it is a frozen
                dataclass, however many calls it is given to.
            pieces: small; independent of each other.
            returning: whether the pieces of each call go to the same workers, which keep what they need for them.

        Raises:
            NexusError: one of them raises it, or the cluster cannot end its work.
        """

    def relay(
        self, function: Callable[[Any, int, Any], Any], shared: Any, items: Iterable[Any], steps: int
    ) -> Iterator[Any]:
        """Every item through steps 0 .. steps - 1, `function(shared, step, value)`, in order of the items.

        On a cluster a step is at one worker, which keeps what it needs for it and hands its value to the worker of the
        next step, past the scheduler; other items are in other steps meanwhile.

        Args:
            function: of a module that workers can import.
            shared: as of `map`.
            items: small; independent of each other.
            steps: how many.

        Raises:
            NexusError: as `map`.
        """
        return self.map(_all_steps, (function, shared, steps), items)


def _all_steps(of: tuple[Callable[[Any, int, Any], Any], Any, int], value: Any) -> Any:
    function, shared, steps = of
    for step in range(steps):
        value = function(shared, step, value)
    return value


END: Any = object()
"""What comes behind the last piece."""


def signature(of_processor: bool) -> Mapping[str, Any]:
    """What must be alike for the same bits and counts: sources and packages, and the processor where asked."""
    versions = dict(installed_versions())
    own = {"package version": versions.pop("lava-nexus", "none"), "sources": package_sources(), "packages": versions}
    return {**own, "processor": processor()} if of_processor else own


@cache
def _own(of_processor: bool) -> Mapping[str, Any]:
    return signature(of_processor)


@cache
def reuse_memory() -> None:
    """Has glibc keep what a piece frees for the next one, up to 1 GiB and in arrays of 32 MiB at most.

    It would else give such arrays back to the system each time, and take them zeroed: a third of a verification's time.
    """
    with suppress(OSError, AttributeError):  # another C library
        adjust = ctypes.CDLL(None).mallopt
        adjust(_TRIM_THRESHOLD, 1 << 30)
        adjust(_MMAP_THRESHOLD, 32 << 20)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of <malloc.h>
_shared: OrderedDict[str, Any] = OrderedDict()


@dataclass(frozen=True)
class Passed:
    """What a step hands to the next one, from worker to worker."""

    value: Any


def pieces_on_worker(expected: Mapping[str, Any], key: str, packed: bytes, pieces: bytes) -> tuple[list[Any], float]:
    """Some pieces at a worker, one after the other: what they give, and seconds."""
    import cloudpickle

    def every(function: Callable[[Any, Any], Any], shared: Any) -> tuple[list[Any], float]:
        began = perf_counter()
        found = [function(shared, piece) for piece in cloudpickle.loads(pieces)]
        return found, perf_counter() - began

    found: tuple[list[Any], float] = _done(expected, key, packed, every)
    return found


def step_on_worker(expected: Mapping[str, Any], key: str, packed: bytes, before: bytes | Passed, step: int) -> Passed:
    """A step of a relay at a worker, behind the item itself or what the step before gave."""
    import cloudpickle

    value = before.value if isinstance(before, Passed) else cloudpickle.loads(before)
    return Passed(_done(expected, key, packed, lambda function, shared: function(shared, step, value)))


def _done(expected: Mapping[str, Any], key: str, packed: bytes, act: Callable[[Any, Any], Any]) -> Any:
    """Refuses to work with other sources, keeps what pieces share, says where it failed."""
    import cloudpickle
    from distributed import get_worker

    reuse_memory()
    here = _own("processor" in expected)
    other = next((part for part in expected if here.get(part) != expected[part]), None)
    if other is not None:
        shown = f" ({brief(str(here.get(other)))}, not {brief(str(expected[other]))})" if other != "sources" else ""
        raise NexusError(f"worker {get_worker().address} has another {other}{shown}; all workers must have the same")
    if key not in _shared:
        _shared[key] = cloudpickle.loads(packed)
    _shared.move_to_end(key)
    while len(_shared) > _HELD:
        _shared.popitem(last=False)
    try:
        return act(*_shared[key])
    except OSError as error:
        place = f" ('{error.filename}')" if error.filename else ""
        what = (error.strerror or str(error)).lower()
        raise NexusError(f"worker {get_worker().address}: {what}{place}") from error
    except MemoryError as error:
        raise NexusError(f"worker {get_worker().address}: out of memory") from error
