"""Circuits by name. What was built once is kept on disk by the content of its sources."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.cells import Basis, basis_named
from lava_nexus.circuits.circuit import Circuit
from lava_nexus.circuits.operations import OPERATIONS, Operation
from lava_nexus.disk_cache import cached, source_digest
from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import Port, ThresholdNetwork

_ARRAYS = ("offsets", "sources", "weights", "thresholds", "levels", "relay")


def circuit(
    name: str,
    fmt: FloatFormat,
    *,
    to: FloatFormat | None = None,
    basis: str = "threshold",
    style: str = "neurons",
    max_delay: int = 62,
) -> Circuit:
    """The circuit of an operation on a format.

    Args:
        name: one of `OPERATIONS`, for example "add".
        fmt: format of the operands.
        to: format of the result, where the operation has a choice ("mul").
        basis: "threshold" or "nexus".
        style: "neurons" for least neurons, "depth" for least depth (threshold basis only).
        max_delay: largest synaptic delay; longer waits go through relay neurons.

    Raises:
        NexusError: an operation, basis or combination that does not exist.
    """
    if name not in OPERATIONS:
        raise NexusError(f"operation '{name}' does not exist; choose one of {', '.join(OPERATIONS)}")
    if not isinstance(fmt, FloatFormat):
        raise NexusError(f"format {fmt!r} of operation '{name}' is not a FloatFormat such as lava_nexus.FLOAT32")
    if to is not None and to != fmt and not OPERATIONS[name].widens:
        raise NexusError(f"operation '{name}' has no output format of its own, so 'to={to}' must be {fmt}")
    return _circuit(name, fmt, to or fmt, basis, style, max_delay)


@cache
def _circuit(name: str, fmt: FloatFormat, to: FloatFormat, basis: str, style: str, max_delay: int) -> Circuit:
    operation = OPERATIONS[name]
    key = f"{name} {fmt!r} {to!r} {basis} {style} {max_delay} {_sources()}"
    network = cached(
        "circuits", key, lambda: _build(operation, fmt, to, basis_named(basis, style), max_delay), _save, _load
    )
    return Circuit(name, basis, network, operation.golden(fmt, to))


def _build(operation: Operation, fmt: FloatFormat, to: FloatFormat, basis: Basis, max_delay: int) -> ThresholdNetwork:
    words = [basis.input(operand, fmt) for operand in operation.operands]
    word = operation.build(basis, words, fmt, to)
    return basis.finish("out", word, None if operation.predicate else to, max_delay)


@lru_cache(maxsize=1)
def _sources() -> str:
    root = Path(__file__).resolve().parents[1]
    files = [f for part in ("formats", "neurons", "cells", "circuits") for f in sorted((root / part).rglob("*.py"))]
    return source_digest(*map(str, files))


def _save(network: ThresholdNetwork) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    ports = [
        [
            [p.name, list(p.signals), p.format and [p.format.exponent_bits, p.format.fraction_bits, p.format.inf]]
            for p in side
        ]
        for side in (network.inputs, network.outputs)
    ]
    return {name: getattr(network, name) for name in _ARRAYS}, {"ports": ports, "max_delay": network.max_delay}


def _load(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> ThresholdNetwork:
    inputs, outputs = (
        tuple(Port(name, tuple(signals), FloatFormat(*fmt) if fmt else None) for name, signals, fmt in side)
        for side in metadata["ports"]
    )
    return ThresholdNetwork(
        inputs, outputs, **{name: np.asarray(arrays[name]) for name in _ARRAYS}, max_delay=metadata["max_delay"]
    )
