"""From a network to word operations: gates to look-ups, look-ups in order, values in slots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lava_nexus.disk_cache import cached, source_digest
from lava_nexus.lowering.emission import Lowered, emit
from lava_nexus.lowering.gates import GateLowering
from lava_nexus.lowering.luts import N_CONSTANTS, TRUE, LookGraph
from lava_nexus.lowering.program import Variant, WordProgram, from_arrays, to_arrays
from lava_nexus.neurons import STROBE, ThresholdNetwork

_SOURCES = (
    "luts.py",
    "sums.py",
    "facts.py",
    "gates.py",
    "cover.py",
    "schedule.py",
    "program.py",
    "emission.py",
    "lowering.py",
)
_MANY_NEURONS = 9000
_programs: dict[tuple[str, Variant], WordProgram] = {}


def word_program(network: ThresholdNetwork, variant: Variant = "spikes") -> WordProgram:
    """The network's word program, lowered once and then kept in memory and on disk."""
    name = (network.digest, variant)
    if name not in _programs:
        version = source_digest(*(str(Path(__file__).with_name(file)) for file in _SOURCES))
        key = f"{network.digest}:{variant}:{version}"
        _programs[name] = cached("word_programs", key, lambda: lower(network, variant), to_arrays, from_arrays)
    return _programs[name]


def lower(network: ThresholdNetwork, variant: Variant = "spikes") -> WordProgram:
    """The word program of a network.

    The strobe is the constant 1: a program stands for operand sets that are there. Neurons of the same function of the
    inputs share an operation.

    Raises:
        NexusError: more than 65,536 values are alive at once.
    """
    graph = LookGraph(network.n_inputs - 1)
    nodes = _signal_nodes(network, graph)
    return emit(
        Lowered(
            graph=graph,
            inputs=[nodes[signal] for port in network.inputs for signal in reversed(port.signals)],
            outputs=[nodes[signal] for port in network.outputs for signal in reversed(port.signals)],
            signals=nodes if variant != "outputs" else [],
            probes=_probe_nodes(network, graph, nodes) if variant == "activity" else [],
        )
    )


def _signal_nodes(network: ThresholdNetwork, graph: LookGraph) -> list[int]:
    """The node of every signal: strobe, input bits, neurons."""
    lowering = GateLowering(graph, hasty=network.neurons > _MANY_NEURONS)
    nodes = [TRUE] + [N_CONSTANTS + i for i in range(network.n_inputs - 1)]
    assert STROBE == 0
    for k in range(network.neurons):
        sources, weights = network.synapses_of(k)
        terms = [(nodes[source], weight) for source, weight in zip(sources.tolist(), weights.tolist(), strict=True)]
        nodes.append(lowering.gate(terms, int(network.thresholds[k])))
    return nodes


def _probe_nodes(network: ThresholdNetwork, graph: LookGraph, nodes: Sequence[int]) -> list[int]:
    """For every neuron the node that tells whether it received a spike or fired."""
    probes = []
    for k in range(network.neurons):
        read = {nodes[source] for source in network.synapses_of(k)[0].tolist()} | {nodes[network.n_inputs + k]}
        probes.append(graph.any_of(read))
    return probes
