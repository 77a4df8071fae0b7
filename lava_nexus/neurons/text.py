"""The readable form of a network, one neuron a line, for people and for tests.

n7 @2 = [ +1*a.31 +1*b.31 -2*n5 >= 1 ]     level 2; a.31 is bit 31 (the MSB of FP32) of input port a; a relay ends in
`relay`.
"""

from __future__ import annotations

from lava_nexus.neurons.network import STROBE, ThresholdNetwork


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
