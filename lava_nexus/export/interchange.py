"""A circuit for other tools: as a graph of the Neuromorphic Intermediate Representation (NIR), and as lava-dl's netx.

NIR:

input [signals in] --+-> select -> delay -> synapses --+
                     |                                 +-> neurons (Threshold) --> outputs -> output
neurons -------------+-> select -> delay -> synapses --+        ^ back to the second select

`select` copies a signal once for each synaptic delay that it is read with; NIR's Delay holds one number an element. A
neuron is NIR's Threshold at T - 1/2: it fires where its input is above. NIR leaves time open; this graph means discrete
steps of 1 in which a Threshold answers one step after its input, as a neuron does here, and everything else at once.
Source: Pedersen et al., 2024, Nature Communications 15, 8122; package nir.

netx is a chain of dense layers, one a level: it joins layer k to layer k + 1 and to nothing else, so no synapse may
span levels. The circuit is balanced for no delay at all, and whatever waits, the strobe too, goes through a relay a
level. Weights are doubled, for a matrix of mixed signs keeps even ones only; thresholds are biases 2 - 2T against
vThMant = 1, as on this package's own LIF neurons. Source: lava-dl 0.6.0, lava.lib.dl.netx.hdf5.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip import ProgramPlacement
from lava_nexus.chip.machine import Machine
from lava_nexus.errors import NexusError, needs_package
from lava_nexus.export.verilog import Exported, neurons_of
from lava_nexus.files import replacing
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.neurons.compose import rebalanced
from lava_nexus.neurons.rules import DECAY_STEPS

if TYPE_CHECKING:
    import nir

LARGEST_MATRIX = 1 << 26


def nir_graph(subject: Exported) -> nir.NIRGraph:
    """A circuit, its network, or what was placed, as a NIR graph.

    Input [n_inputs]: strobe, then the bits of the ports in order, MSB first. Output: the bits of all output ports in
    order, MSB first, `depth` steps after their operands.

    Raises:
        NexusError: the subject is neither.
    """
    network = neurons_of(subject, "a NIR graph")
    if network.neurons * network.n_signals > LARGEST_MATRIX:
        raise NexusError(
            f"a NIR graph of {network.neurons} neurons and {network.n_signals} signals would have matrices of more "
            f"than {LARGEST_MATRIX} weights"
        )
    needs_package("a NIR graph", "nir")
    import nir

    inward = _Bundle.of(network, 0, network.n_inputs)
    inner = _Bundle.of(network, network.n_inputs, network.n_signals)
    nodes = {
        "input": nir.Input(np.array([network.n_inputs])),
        "input_select": nir.Linear(inward.select),
        "input_delay": nir.Delay(inward.delays),
        "input_synapses": nir.Linear(inward.weights),
        "neurons": nir.Threshold(network.thresholds - 0.5),
        "outputs": nir.Linear(_outputs(network)),
        "output": nir.Output(np.array([sum(port.width for port in network.outputs)])),
    }
    edges = [
        ("input", "input_select"),
        ("input_select", "input_delay"),
        ("input_delay", "input_synapses"),
        ("input_synapses", "neurons"),
        ("neurons", "outputs"),
        ("outputs", "output"),
    ]
    if len(inner.delays):
        nodes |= {
            "select": nir.Linear(inner.select),
            "delay": nir.Delay(inner.delays),
            "synapses": nir.Linear(inner.weights),
        }
        edges += [("neurons", "select"), ("select", "delay"), ("delay", "synapses"), ("synapses", "neurons")]
    metadata: dict[str, Any] = {"digest": network.digest, "depth": network.depth} if _plain(network) else {}
    return nir.NIRGraph(nodes, edges, metadata)


def _name(subject: Exported) -> str:
    return subject.name if isinstance(subject, ProgramPlacement) else ""


def _plain(network: ThresholdNetwork | Machine) -> TypeGuard[ThresholdNetwork]:
    return isinstance(network, ThresholdNetwork)


def write_nir(subject: Exported, path: str | Path) -> Path:
    """Writes the graph as an HDF5 file that `nir.read` reads, whole or not at all; returns the path.

    Raises:
        NexusError: the subject is neither a circuit nor a network, or the file cannot be written.
    """
    graph, target = nir_graph(subject), Path(path)
    import nir

    with replacing(target) as temporary:
        nir.write(temporary, graph)
    return target


class _Bundle:
    """Synapses that start from some of the signals.

    Attributes:
        select: float64 [copies, signals]; one row for each signal and delay.
        delays: float64 [copies].
        weights: float64 [neurons, copies].
    """

    def __init__(self, select: NDArray[np.float64], delays: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        self.select, self.delays, self.weights = select, delays, weights

    @classmethod
    def of(cls, network: ThresholdNetwork | Machine, first: int, last: int) -> _Bundle:
        """Those of the signals first .. last (exclusive)."""
        inside = np.flatnonzero((network.sources >= first) & (network.sources < last))
        reach = int(network.delays.max(initial=0)) + 1
        keys = (network.sources[inside].astype(np.int64) - first) * reach + network.delays[inside]
        copies, where = np.unique(keys, return_inverse=True)
        select = np.zeros((len(copies), last - first))
        select[np.arange(len(copies)), copies // reach] = 1
        weights = np.zeros((network.neurons, len(copies)))
        np.add.at(weights, (network.targets[inside], where), network.weights[inside])
        return cls(select, (copies % reach).astype(np.float64), weights)


def _outputs(network: ThresholdNetwork | Machine) -> NDArray[np.float64]:
    signals = [signal - network.n_inputs for port in network.outputs for signal in port.signals]
    chosen = np.zeros((len(signals), network.neurons))
    chosen[np.arange(len(signals)), signals] = 1
    return chosen


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


def write_netx(subject: Exported, path: str | Path) -> NetxFile:
    """Writes an HDF5 file that `lava.lib.dl.netx.hdf5.Network` reads, whole or not at all.

    The input layer takes n_inputs spikes a step: strobe, then the bits of the ports in order, MSB first.

    Raises:
        NexusError: a layer is too large for netx's dense matrices, or the subject is neither a circuit nor a network.
    """
    network = neurons_of(subject, "a netx file")
    if not _plain(network):
        raise NexusError(
            f"a netx file joins each layer to the next alone, but the registers of program '{_name(subject)}' feed "
            "themselves; write its circuits, or NIR or Verilog"
        )
    needs_package("a netx file", "h5py")
    chain = rebalanced(network, 0)
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
