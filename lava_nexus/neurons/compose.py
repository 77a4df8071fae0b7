"""Networks out of networks: the output bits of one are input bits of the next, and all is balanced anew."""

from __future__ import annotations

from collections.abc import Sequence

from lava_nexus.errors import NexusError
from lava_nexus.neurons.builder import FALSE, TRUE, Builder, Signal
from lava_nexus.neurons.network import STROBE, ThresholdNetwork


def instantiate(
    builder: Builder, network: ThresholdNetwork, operands: Sequence[Sequence[Signal]]
) -> list[list[Signal]]:
    """Adds the network's neurons to a builder, its input ports fed by signals of the builder.

    Relays and delays are left out: `Builder.finish` sets those of the whole. Neurons that the builder holds already, or
    that a constant operand decides, are not added again.

    Args:
        builder: what to add to.
        network: what to add.
        operands: for each input port its signals, LSB first, FALSE and TRUE among them.

    Returns:
        For each output port its signals, LSB first.

    Raises:
        NexusError: the number of operands or their widths do not fit.
    """
    widths, wanted = [len(operand) for operand in operands], [port.width for port in network.inputs]
    if widths != wanted:
        raise NexusError(f"network with input ports of {wanted} bits was given operands of {widths} bits")
    signals: list[Signal] = [FALSE] * network.n_signals
    signals[STROBE] = TRUE
    for port, operand in zip(network.inputs, operands, strict=True):
        for inner, outer in zip(reversed(port.signals), operand, strict=True):
            signals[inner] = outer
    for k in range(network.neurons):
        sources, weights = network.synapses_of(k)
        terms = [(signals[s], w) for s, w in zip(sources.tolist(), weights.tolist(), strict=True)]
        signals[network.n_inputs + k] = builder.gate(terms, int(network.thresholds[k]))
    return [[signals[s] for s in reversed(port.signals)] for port in network.outputs]


def rebalanced(network: ThresholdNetwork, max_delay: int) -> ThresholdNetwork:
    """The same gates with another largest synaptic delay: relays are taken out and put in where it asks for them.

    Raises:
        NexusError: max_delay is negative.
    """
    if max_delay == network.max_delay:
        return network
    builder = Builder()
    operands = [builder.input(port.name, port.format, port.width) for port in network.inputs]
    words = instantiate(builder, network, operands)
    outputs = [(port.name, word, port.format) for port, word in zip(network.outputs, words, strict=True)]
    return builder.finish(outputs, max_delay)
