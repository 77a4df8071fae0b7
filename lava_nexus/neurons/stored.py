"""A network as plain arrays and JSON values, and the file that holds it: npz, sealed by its SHA-256, of a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lava_nexus.files import packed, write_bytes

ARRAYS = ("offsets", "sources", "weights", "thresholds", "levels", "relay")
KIND, VERSION = "network of lava_nexus", 1


def to_arrays(network: Any) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays by name, and what else belongs to the network as JSON values."""
    ports = [
        [[p.name, list(p.signals), p.format and [type(p.format).__name__, *astuple(p.format)]] for p in side]
        for side in (network.inputs, network.outputs)
    ]
    return {name: getattr(network, name) for name in ARRAYS}, {"ports": ports, "max_delay": network.max_delay}


def save_threshold(network: Any, path: str | Path) -> Path:
    """Writes a threshold network; `lava_nexus.load_network` reads it."""
    arrays, metadata = to_arrays(network)
    return write_network(path, {"network": "threshold", "metadata": metadata}, arrays)


def write_network(path: str | Path, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Path:
    """Writes the file of a network of any kind, whole or not at all."""
    target = Path(path)
    write_bytes(target, packed({"kind": KIND, "version": VERSION, **header}, dict(arrays), compressed=True))
    return target
