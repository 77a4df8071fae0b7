"""A network as text for people and tests, and as plain arrays and JSON values for files.

The text has one neuron a line: n7 @2 = [ +1*a.31 +1*b.31 -2*n5 >= 1 ] is neuron 7 at level 2; a.31 is bit 31 (the MSB
of FP32) of input port a; a relay ends in `relay`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import FloatFormat, IntegerFormat
from lava_nexus.neurons.network import STROBE, Port, ThresholdNetwork
from lava_nexus.neurons.rules import broken_invariant
from lava_nexus.neurons.stored import ARRAYS
from lava_nexus.neurons.stored import to_arrays as to_arrays

_FORMATS: dict[str, type[FloatFormat] | type[IntegerFormat]] = {f.__name__: f for f in (FloatFormat, IntegerFormat)}


def to_text(network: ThresholdNetwork) -> str:
    """The whole network as text: inputs, neurons in order, outputs."""
    names = {STROBE: "strobe"}
    for port in network.inputs:
        names.update({s: f"{port.name}.{port.width - 1 - i}" for i, s in enumerate(port.signals)})
    names.update({network.n_inputs + k: f"n{k}" for k in range(network.neurons)})
    lines = [f"input {p.name} : {p.format or f'{p.width} bits'}" for p in network.inputs]
    for k in range(network.neurons):
        sources, weights = network.synapses_of(k)
        terms = " ".join(f"{w:+d}*{names[int(s)]}" for s, w in zip(sources, weights, strict=True))
        mark = " relay" if network.relay[k] else ""
        lines.append(f"n{k} @{network.levels[k]} = [ {terms or '0'} >= {network.thresholds[k]} ]{mark}")
    lines += [
        f"output {p.name} : {p.format or f'{p.width} bits'} = {' '.join(names[s] for s in p.signals)}"
        for p in network.outputs
    ]
    return "\n".join(lines) + "\n"


def from_arrays(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> ThresholdNetwork:
    """The inverse of `to_arrays`, the network's invariants checked.

    Raises:
        KeyError, TypeError, ValueError: what does not fit, or a network that breaks an invariant.
    """
    inputs, outputs = (
        tuple(Port(name, tuple(signals), fmt and _FORMATS[fmt[0]](*fmt[1:])) for name, signals, fmt in side)
        for side in metadata["ports"]
    )
    found = {name: np.asarray(arrays[name]) for name in ARRAYS}
    network = ThresholdNetwork(inputs, outputs, **found, max_delay=metadata["max_delay"])
    if broken := broken_invariant(network):
        raise ValueError(f"network breaks an invariant: {broken}")
    return network
