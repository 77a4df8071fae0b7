"""Layers as programs: a dataflow of circuit invocations over tensors of bit patterns."""

from lava_nexus.programs.attention import causal_mix, mix
from lava_nexus.programs.gradients import (
    LinearGradients,
    NormGradients,
    linear_grad,
    rms_norm_grad,
    silu_grad,
    softmax_grad,
)
from lava_nexus.programs.layers import (
    ACTIVATIONS,
    Weights,
    feed_forward,
    layer_norm,
    linear,
    mean,
    projection,
    residual,
    rms_norm,
    root_mean_square,
    silu,
    softmax,
)
from lava_nexus.programs.nodes import Folded
from lava_nexus.programs.order import Accumulate, Order, Orders, Placed, Reduction, Sum, named_order
from lava_nexus.programs.product import KINDS, Constant, Exact, Fused, Product, Rounded
from lava_nexus.programs.program import Apply, Contract, Node, Populate, Program, Rearrange, Reduce, Value
from lava_nexus.programs.transformer import LayerShape, LayerState, attend, transformer_layer
from lava_nexus.programs.writer import GATES, Nonlinear, SpikingLinear, Writer

__all__ = [
    "ACTIVATIONS",
    "GATES",
    "KINDS",
    "Accumulate",
    "Apply",
    "Constant",
    "Contract",
    "Exact",
    "Folded",
    "Fused",
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
    "Product",
    "Program",
    "Rearrange",
    "Reduce",
    "Reduction",
    "Rounded",
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
