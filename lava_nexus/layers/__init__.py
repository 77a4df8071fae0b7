"""Floor 5: layers as programs of circuit invocations."""

from lava_nexus.layers.attention import causal_mix, mix
from lava_nexus.layers.feed_forward import ACTIVATIONS, feed_forward, silu
from lava_nexus.layers.gradients import (
    LinearGradients,
    NormGradients,
    linear_grad,
    rms_norm_grad,
    silu_grad,
    softmax_grad,
)
from lava_nexus.layers.linear import Weights, linear, projection, residual
from lava_nexus.layers.normalisation import layer_norm, mean, rms_norm, root_mean_square, softmax
from lava_nexus.layers.order import Accumulate, Order, Orders, Placed, Reduction, Sum, named_order
from lava_nexus.layers.program import Apply, Contract, Node, Populate, Program, Rearrange, Reduce, Value
from lava_nexus.layers.spiking import GATES, Nonlinear, SpikingLinear
from lava_nexus.layers.transformer import LayerShape, LayerState, attend, transformer_layer
from lava_nexus.layers.writer import Writer

__all__ = [
    "ACTIVATIONS",
    "GATES",
    "Accumulate",
    "Apply",
    "Contract",
    "LayerShape",
    "LayerState",
    "LinearGradients",
    "Node",
    "Nonlinear",
    "NormGradients",
    "Order",
    "Orders",
    "Placed",
    "Populate",
    "Program",
    "Rearrange",
    "Reduce",
    "Reduction",
    "SpikingLinear",
    "Sum",
    "Value",
    "Weights",
    "Writer",
    "attend",
    "causal_mix",
    "feed_forward",
    "layer_norm",
    "linear",
    "linear_grad",
    "mean",
    "mix",
    "named_order",
    "projection",
    "residual",
    "rms_norm",
    "rms_norm_grad",
    "root_mean_square",
    "silu",
    "silu_grad",
    "softmax",
    "softmax_grad",
    "transformer_layer",
]
