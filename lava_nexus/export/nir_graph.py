"""A circuit as a graph of the Neuromorphic Intermediate Representation (NIR).

input [signals in] --+-> select -> delay -> synapses --+
                     |                                 +-> neurons (Threshold) --> outputs -> output
neurons -------------+-> select -> delay -> synapses --+        ^ back to the second select

`select` copies a signal once for each synaptic delay that it is read with; NIR's Delay holds one number an element. A
neuron is NIR's Threshold at T - 1/2: it fires where its input is above. NIR leaves time open; this graph means discrete
steps of 1 in which a Threshold answers one step after its input, as a neuron does here, and everything else at once.
Source: Pedersen et al., 2024, Nature Communications 15, 8122; package nir.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.export.verilog import network_of
from lava_nexus.files import replacing
from lava_nexus.neurons import ThresholdNetwork

if TYPE_CHECKING:
    import nir


def nir_graph(subject: Circuit | ThresholdNetwork) -> nir.NIRGraph:
    """A circuit, or its network, as a NIR graph.

    Input [n_inputs]: strobe, then the bits of the ports in order, MSB first. Output: the bits of all output ports in
    order, MSB first, `depth` steps after their operands.

    Raises:
        NexusError: the subject is neither.
    """
    network = network_of(subject, "a NIR graph")
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
    metadata = {"digest": network.digest, "depth": network.depth}
    return nir.NIRGraph(nodes, edges, metadata)


def write_nir(subject: Circuit | ThresholdNetwork, path: str | Path) -> Path:
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
    def of(cls, network: ThresholdNetwork, first: int, last: int) -> _Bundle:
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


def _outputs(network: ThresholdNetwork) -> NDArray[np.float64]:
    signals = [signal - network.n_inputs for port in network.outputs for signal in port.signals]
    chosen = np.zeros((len(signals), network.neurons))
    chosen[np.arange(len(signals)), signals] = 1
    return chosen
