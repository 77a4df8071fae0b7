"""A circuit as lava-dl's netx file: a chain of dense layers, one a level.

netx joins layer k to layer k + 1 and to nothing else, so no synapse may span levels: the circuit is balanced for no
delay at all, and whatever waits, the strobe too, goes through a relay a level. Weights are doubled, for a matrix of
mixed signs keeps even ones only; thresholds are biases 2 - 2T against vThMant = 1, as on this package's own LIF
neurons.
Source of the format: lava-dl 0.6.0, lava.lib.dl.netx.hdf5.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.export.verilog import network_of
from lava_nexus.files import replacing
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.neurons.compose import rebalanced
from lava_nexus.neurons.rules import DECAY_STEPS

LARGEST_MATRIX = 1 << 26


@dataclass(frozen=True)
class NetxFile:
    """What was written.

    Attributes:
        path: the file.
        network: what it holds, with a relay for every level that a spike waits.
        outputs: place in the last layer of every bit of the output ports, MSB first.
    """

    path: Path
    network: ThresholdNetwork
    outputs: tuple[int, ...]


def write_netx(subject: Circuit | ThresholdNetwork, path: str | Path) -> NetxFile:
    """Writes an HDF5 file that `lava.lib.dl.netx.hdf5.Network` reads, whole or not at all.

    The input layer takes n_inputs spikes a step: strobe, then the bits of the ports in order, MSB first.

    Raises:
        NexusError: a layer is too large for netx's dense matrices, or the subject is neither a circuit nor a network.
    """
    chain = rebalanced(network_of(subject, "a netx file"), 0)
    import h5py

    assert not chain.delays.any()
    levels = [np.flatnonzero(chain.levels == level) for level in range(1, chain.depth + 1)]
    places = np.zeros(chain.n_signals, np.int64)
    places[: chain.n_inputs] = np.arange(chain.n_inputs)
    for neurons in levels:
        places[chain.n_inputs + neurons] = np.arange(len(neurons))
    widths = [chain.n_inputs, *(len(neurons) for neurons in levels)]
    for level, (before, after) in enumerate(pairwise(widths), 1):
        if before * after > LARGEST_MATRIX:
            raise NexusError(
                f"level {level} would be a dense netx matrix of {after} x {before}, more than {LARGEST_MATRIX} weights"
            )
    target = Path(path)
    with replacing(target) as temporary, h5py.File(temporary, "w") as file:
        _layer(file, 0, "input", chain.n_inputs)
        for number, neurons in enumerate(levels, 1):
            _dense(file, number, chain, neurons, places, widths[number - 1])
    signals = [signal for port in chain.outputs for signal in port.signals]
    return NetxFile(target, chain, tuple(int(places[signal]) for signal in signals))


def _layer(file: Any, number: int, kind: str, size: int) -> Any:
    group = file.create_group(f"layer/{number}")
    group["type"] = np.array([kind.encode()])
    group["shape"] = np.array([size])
    return group


def _dense(
    file: Any, number: int, chain: ThresholdNetwork, neurons: NDArray[Any], places: NDArray[Any], before: int
) -> None:
    group = _layer(file, number, "dense", len(neurons))
    weights = np.zeros((len(neurons), before), np.int32)
    for row, neuron in enumerate(neurons):
        sources, values = chain.synapses_of(int(neuron))
        weights[row, places[sources]] = 2 * values
    group["weight"] = weights
    group["bias"] = (2 - 2 * chain.thresholds[neurons]).astype(np.int32)
    neuron = group.create_group("neuron")
    neuron["type"] = np.array([b"CUBA"])
    neuron["gradedSpike"] = False
    for key, value in {"iDecay": DECAY_STEPS, "vDecay": DECAY_STEPS, "vThMant": 1, "refDelay": 1}.items():
        neuron[key] = value
