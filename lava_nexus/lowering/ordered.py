"""A network as look-ups in an order of execution: what every backend of word logic starts from.

Gates become look-ups of at most three inputs, a cover of them is chosen, and they are put in the order that keeps the
fewest values alive. Where a value lives (a slot, a register, a name in source code) is decided by the backend.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.disk_cache import Arrays, Metadata, cached, source_digest
from lava_nexus.files import packed, read_regular, unpacked
from lava_nexus.lowering.cover import cover
from lava_nexus.lowering.gates import GateLowering, tops
from lava_nexus.lowering.luts import FALSE, N_CONSTANTS, OR, OR3, TRUE, Look, LookGraph
from lava_nexus.lowering.schedule import least_alive
from lava_nexus.neurons import STROBE, ThresholdNetwork

Variant = Literal["outputs", "spikes", "activity"]
"""What is computed: the outputs; every neuron's spikes too; who received a spike too."""

_SOURCES = (
    *("tables.py", "nodes.py", "luts.py", "sums.py", "adders.py", "ways.py", "gates.py"),
    *("cover.py", "schedule.py", "ordered.py"),
)
_MANY_NEURONS = 9000
_graphs: dict[tuple[str, Variant], OrderedGraph] = {}


@dataclass(frozen=True, eq=False)
class OrderedGraph:
    """Look-ups, each after those that it reads.

    Values are numbered: FALSE, TRUE, the bits of the input ports (ports in order, each LSB first), then the results of
    the look-ups. The strobe is TRUE: a graph stands for operand sets that are there.

    Attributes:
        n_inputs: input bits.
        tables: uint8 [looks], truth tables: bit (a + 2 b + 4 c) is the value for inputs a, b, c.
        reads: int32 [looks, 3], values a, b, c; FALSE where a table has fewer inputs.
        outputs: int32 [output bits], values, ports in order, each LSB first.
        signals: int32 [signals], value of every signal whose spikes are counted; empty where they are not.
        probes: int32 [neurons], value that tells whether a neuron received a spike or fired; empty where not counted.
    """

    n_inputs: int
    tables: NDArray[np.uint8]
    reads: NDArray[np.int32]
    outputs: NDArray[np.int32]
    signals: NDArray[np.int32]
    probes: NDArray[np.int32]

    @property
    def first(self) -> int:
        """Value of the first look-up."""
        return N_CONSTANTS + self.n_inputs

    @property
    def counted(self) -> set[int]:
        """Values whose set bits are counted, constants left out."""
        return {*self.signals.tolist(), *self.probes.tolist()} - {FALSE, TRUE}


_DTYPES: dict[str, Any] = {
    "tables": np.uint8,
    "reads": np.int32,
    "outputs": np.int32,
    "signals": np.int32,
    "probes": np.int32,
}


def ordered_graph(network: ThresholdNetwork, variant: Variant = "spikes") -> OrderedGraph:
    """The network's look-ups in order, lowered once and then kept in memory and on disk."""
    name = (network.digest, variant)
    if name not in _graphs:
        shipped = shipped_graph(network, variant)
        if shipped is not None:
            return _graphs.setdefault(name, shipped)
        version = source_digest(*(str(Path(__file__).with_name(file)) for file in _SOURCES))
        key = f"{network.digest}:{variant}:{version}"
        _graphs[name] = cached("look_graphs", key, lambda: lower(network, variant), to_arrays, from_arrays, "lowering")
    return _graphs[name]


def lower(network: ThresholdNetwork, variant: Variant = "spikes") -> OrderedGraph:
    """The network's look-ups in order. Neurons of the same function of the inputs share a look-up."""
    graph = LookGraph(network.n_inputs - 1)
    nodes = _signal_nodes(network, graph)
    inputs = [nodes[signal] for port in network.inputs for signal in reversed(port.signals)]
    outputs = [nodes[signal] for port in network.outputs for signal in reversed(port.signals)]
    signals = nodes if variant != "outputs" else []
    probes = _probe_nodes(network, graph, nodes) if variant == "activity" else []
    return sorted_looks(cover(graph, [*outputs, *signals, *probes]), inputs, outputs, signals, probes)


def restricted(graph: OrderedGraph, zeros: Collection[int]) -> OrderedGraph:
    """The graph for operand sets whose input bits of these numbers are 0.

    It has the same inputs, outputs and counted values; those that are now constant are constants.

    Args:
        graph: to be made smaller.
        zeros: numbers of input bits, ports in order, each LSB first.
    """
    small = LookGraph(graph.n_inputs)
    leaves = [N_CONSTANTS + i for i in range(graph.n_inputs)]
    nodes = [FALSE, TRUE, *(FALSE if i in zeros else leaf for i, leaf in enumerate(leaves))]
    for table, (a, b, c) in zip(graph.tables.tolist(), graph.reads.tolist(), strict=True):
        nodes.append(small.look(table, nodes[a], nodes[b], nodes[c]))
    outputs, signals, probes = ([nodes[v] for v in of.tolist()] for of in (graph.outputs, graph.signals, graph.probes))
    return sorted_looks(cover(small, [*outputs, *signals, *probes]), leaves, outputs, signals, probes)


def sorted_looks(
    looks: dict[int, Look],
    inputs: Sequence[int],
    outputs: Sequence[int],
    signals: Sequence[int],
    probes: Sequence[int],
) -> OrderedGraph:
    """Look-ups by node, each behind those that it reads, as a graph in the order that keeps the fewest values alive."""
    order = _order(looks, inputs, outputs)
    values = {node: i for i, node in enumerate([FALSE, TRUE, *inputs, *order])}
    reads = [[*(values[source] for source in looks[node][1]), FALSE, FALSE, FALSE][:3] for node in order]

    def numbered(of: Sequence[int]) -> NDArray[np.int32]:
        return np.array([values[node] for node in of], np.int32)

    return OrderedGraph(
        n_inputs=len(inputs),
        tables=np.array([looks[node][0] for node in order], np.uint8),
        reads=np.array(reads, np.int32).reshape(-1, 3),
        outputs=numbered(outputs),
        signals=numbered(signals),
        probes=numbered(probes),
    )


def shipped_path(digest: str, variant: Variant) -> Path:
    """Where the program of a network ships, if it does."""
    return Path(__file__).with_name("programs") / f"{digest[:24]}.{variant}"


def shipped_graph(network: ThresholdNetwork, variant: Variant) -> OrderedGraph | None:
    """The program that ships for the network of that digest, None where none does.

    Without counting, where only a program that counts ships, what the outputs read of it.

    Raises:
        ValueError: it is damaged.
    """
    path = shipped_path(network.digest, variant)
    if not path.exists():
        counted = shipped_graph(network, "spikes") if variant == "outputs" else None
        return None if counted is None else _cut_down(counted)
    header, arrays = unpacked(read_regular(path))
    if header["digest"] != network.digest:
        return None
    first = N_CONSTANTS + header["n_inputs"]
    own = np.arange(first, first + len(arrays["tables"]), dtype=np.int32)[:, None]
    return from_arrays({**arrays, "reads": own - arrays["reads"]}, header)


def _cut_down(graph: OrderedGraph) -> OrderedGraph:
    """The graph without what no output reads, and without counting."""
    needed = np.zeros(graph.first + len(graph.tables), bool)
    needed[: graph.first] = needed[graph.outputs] = True
    for value in range(len(needed) - 1, graph.first - 1, -1):
        if needed[value]:
            needed[graph.reads[value - graph.first]] = True
    number = (np.cumsum(needed) - 1).astype(np.int32)
    kept, none = needed[graph.first :], np.empty(0, np.int32)
    reads = number[graph.reads[kept]]
    return OrderedGraph(graph.n_inputs, graph.tables[kept], reads, number[graph.outputs], none, none)


def shipped_bytes(graph: OrderedGraph, digest: str, label: str) -> bytes:
    """A graph as it ships: what is read by its distance, which packs well."""
    own = np.arange(graph.first, graph.first + len(graph.tables), dtype=np.int32)[:, None]
    arrays, metadata = to_arrays(graph)
    header = {"digest": digest, "operation": label, **metadata}
    return packed(header, {**arrays, "reads": own - graph.reads}, compressed=True)


def to_arrays(graph: OrderedGraph) -> tuple[Arrays, Metadata]:
    """The graph as plain arrays and metadata, for the disk cache."""
    return {name: getattr(graph, name) for name in _DTYPES}, {"n_inputs": graph.n_inputs}


def from_arrays(arrays: Arrays, metadata: Metadata) -> OrderedGraph:
    """The inverse of `to_arrays`.

    Raises:
        ValueError: an array is of another dtype, or a value is read before it is there.
        KeyError: one is missing.
    """
    graph = OrderedGraph(n_inputs=int(metadata["n_inputs"]), **{name: arrays[name] for name in _DTYPES})
    for name, dtype in _DTYPES.items():
        if arrays[name].dtype != dtype or not arrays[name].flags.c_contiguous:
            raise ValueError(f"{name} is not {np.dtype(dtype)}")
    if graph.reads.shape != (len(graph.tables), 3) or graph.n_inputs < 0:
        raise ValueError(f"{len(graph.tables)} tables read values of shape {graph.reads.shape}")
    behind = graph.first + len(graph.tables)
    own = np.arange(graph.first, behind, dtype=np.int32)[:, None]
    if (graph.reads < 0).any() or (graph.reads >= own).any():
        raise ValueError("a look-up reads a value that is not there yet")
    read = np.concatenate([graph.outputs, graph.signals, graph.probes])
    if read.size and not 0 <= read.min() <= read.max() < behind:
        raise ValueError("value out of range")
    return graph


def _order(looks: dict[int, Look], inputs: Sequence[int], outputs: Sequence[int]) -> list[int]:
    """The order that keeps the fewest values alive.

    The `or`s are hurried: a table's columns then grow side by side while the lines that they share are there.
    """
    reads = {node: sources for node, (_, sources) in looks.items()}
    ors = {node for node, (table, _) in looks.items() if table in (OR, OR3)}
    return least_alive(reads, inputs, outputs, ors)[0]


def _signal_nodes(network: ThresholdNetwork, graph: LookGraph) -> list[int]:
    """The node of every signal: strobe, input bits, neurons."""
    lowering = GateLowering(graph, hasty=network.neurons > _MANY_NEURONS)
    nodes = [TRUE] + [N_CONSTANTS + i for i in range(network.n_inputs - 1)]
    assert STROBE == 0
    of_rows = tops(network)
    offsets, sources, weights = network.offsets.tolist(), network.sources.tolist(), network.weights.tolist()
    for k, threshold in enumerate(network.thresholds.tolist()):
        part = slice(offsets[k], offsets[k + 1])
        terms = [(nodes[source], weight) for source, weight in zip(sources[part], weights[part], strict=True)]
        nodes.append(lowering.gate(terms, threshold, k in of_rows))
    return nodes


def _probe_nodes(network: ThresholdNetwork, graph: LookGraph, nodes: Sequence[int]) -> list[int]:
    """For every neuron the node that tells whether it received a spike or fired."""
    probes, n_inputs = [], network.n_inputs
    for k in range(network.neurons):
        read = {nodes[source] for source in network.synapses_of(k)[0].tolist()} | {nodes[n_inputs + k]}
        probes.append(graph.any_of(read))
    return probes
