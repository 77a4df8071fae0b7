"""Which cluster computes independent pieces, and what a worker of it does with one.

A config's key `cluster` is `local` for processes on this machine, an address (`tcp://host:8786`), or a scheduler file;
`crew` gives pieces out and joins results. Dask is imported only where the key is there.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from lava_nexus.config import Config
from lava_nexus.errors import NexusError, brief
from lava_nexus.store import installed_versions, package_sources, processor

_HELD = 8  # things that pieces share, kept in a worker's process


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
        memory: bytes that a worker of a local cluster may take; None for an equal share of the machine's.
        gpus: of a local cluster: so many workers, each of which sees one.
        patience_seconds: in which a piece must end before its worker is started anew.
        wait_seconds: for a first worker to be there.
        weights: whether workers read weights from a folder that all share, or are sent what they need of them.
        tls: certificates, where the cluster asks for them.
    """

    at: str = "local"
    workers: int | None = Field(default=None, ge=1, le=1024)
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
        return self.workers or self.gpus or len(os.sched_getaffinity(0))

    @property
    def threads(self) -> int | None:
        """That a piece may use: an equal share of this machine's processors, or all of the worker's own machine."""
        return max(1, len(os.sched_getaffinity(0)) // self.processes) if self.at == "local" else None


Cluster = Annotated[
    ClusterConfig | None, BeforeValidator(lambda given: {"at": given} if isinstance(given, str) else given)
]
"""Type of the key `cluster`; None for this process alone."""


def signature(of_processor: bool) -> Mapping[str, Any]:
    """What must be alike for the same bits and counts: sources and packages, and the processor where asked."""
    versions = dict(installed_versions())
    own = {"package version": versions.pop("lava-nexus", "none"), "sources": package_sources(), "packages": versions}
    return {**own, "processor": processor()} if of_processor else own


@cache
def _own(of_processor: bool) -> Mapping[str, Any]:
    return signature(of_processor)


_shared: OrderedDict[str, Any] = OrderedDict()


def piece_on_worker(expected: Mapping[str, Any], key: str, packed: bytes, piece: bytes) -> Any:
    """A worker's side: refuses to work with other sources, keeps what pieces share, says where it failed."""
    import cloudpickle
    from distributed import get_worker

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
    function, shared = _shared[key]
    try:
        return function(shared, cloudpickle.loads(piece))
    except OSError as error:
        place = f" ('{error.filename}')" if error.filename else ""
        what = (error.strerror or str(error)).lower()
        raise NexusError(f"worker {get_worker().address}: {what}{place}") from error
    except MemoryError as error:
        raise NexusError(f"worker {get_worker().address}: out of memory") from error
