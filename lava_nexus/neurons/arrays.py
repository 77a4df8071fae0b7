"""A network as plain arrays and JSON values, for files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import FloatFormat, IntegerFormat
from lava_nexus.neurons.network import Port, ThresholdNetwork

_ARRAYS = ("offsets", "sources", "weights", "thresholds", "levels", "relay")
_FORMATS: dict[str, type[FloatFormat] | type[IntegerFormat]] = {f.__name__: f for f in (FloatFormat, IntegerFormat)}


def to_arrays(network: ThresholdNetwork) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays by name, and what else belongs to the network as JSON values."""
    ports = [
        [[p.name, list(p.signals), p.format and [type(p.format).__name__, *astuple(p.format)]] for p in side]
        for side in (network.inputs, network.outputs)
    ]
    return {name: getattr(network, name) for name in _ARRAYS}, {"ports": ports, "max_delay": network.max_delay}


def from_arrays(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> ThresholdNetwork:
    """The inverse of `to_arrays`; raises KeyError or ValueError on what does not fit."""
    inputs, outputs = (
        tuple(Port(name, tuple(signals), fmt and _FORMATS[fmt[0]](*fmt[1:])) for name, signals, fmt in side)
        for side in metadata["ports"]
    )
    return ThresholdNetwork(
        inputs, outputs, **{name: np.asarray(arrays[name]) for name in _ARRAYS}, max_delay=metadata["max_delay"]
    )
