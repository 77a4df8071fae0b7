"""One output of a linear layer as one network: multipliers and adders wired in a row."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from lava_nexus.circuits.circuit import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.neurons import LOIHI2, Builder
from lava_nexus.neurons.built import Computed
from lava_nexus.neurons.compose import instantiate


def linear_network(
    multiply: Circuit, add: Circuit, length: int, bias: bool = False, max_delay: int = LOIHI2.max_delay
) -> Circuit:
    """y = x0 w0 + x1 w1 + ..., each product and each sum rounded, in index order; the bias is added last.

    Weights are operands beside the inputs, so that one network serves every output of a layer: an operand set is one
    row of inputs and one row of weights. Depth = depth of the multiplier + additions times the depth of the adder.

    Args:
        multiply: x w.
        add: the sum; of one format with `multiply`.
        length: products, at least 1.
        bias: whether one more operand is added.
        max_delay: largest synaptic delay; longer waits go through relay neurons.

    Returns:
        A circuit of the inputs x0, x1, ..., w0, w1, ... and, with a bias, b.

    Raises:
        NexusError: length below 1, or formats that differ.
    """
    fmt = multiply.inputs[0].format
    ports = (*multiply.inputs, multiply.output, *add.inputs, add.output)
    if any(port.format != fmt for port in ports):
        raise NexusError(f"linear network of '{multiply.label}' and '{add.label}' has operands of several formats")
    if length < 1:
        raise NexusError(f"linear network of {length} products is below 1")
    builder = Builder()
    x = [builder.input(f"x{k}", fmt) for k in range(length)]
    w = [builder.input(f"w{k}", fmt) for k in range(length)]
    last = [builder.input("b", fmt)] if bias else []
    products = [instantiate(builder, multiply.network, pair)[0] for pair in zip(x, w, strict=True)]
    total = products[0]
    for term in [*products[1:], *last]:
        (total,) = instantiate(builder, add.network, [total, term])

    def golden(*operands: NDArray[Any]) -> NDArray[Any]:
        terms = [multiply.golden(operands[k], operands[length + k]) for k in range(length)]
        result = terms[0]
        for term in [*terms[1:], *operands[2 * length :]]:
            result = add.golden(result, term)
        return result

    return Circuit(
        "linear", multiply.basis, builder.finish([("out", total, fmt)], max_delay), Computed(golden, add.golden.known)
    )
