"""Floor 5: layers as programs of circuit invocations."""

from lava_nexus.layers.attention import AttentionWeights, attention
from lava_nexus.layers.block import BlockWeights, pre_norm_block
from lava_nexus.layers.feed_forward import FeedForwardWeights, silu, swiglu
from lava_nexus.layers.gradients import (
    LinearGradients,
    NormGradients,
    linear_grad,
    rms_norm_grad,
    silu_grad,
    softmax_grad,
)
from lava_nexus.layers.linear import linear, residual
from lava_nexus.layers.normalisation import mean, rms_norm, root_mean_square, softmax
from lava_nexus.layers.order import Accumulate, Order, Orders, Placed, Reduction, Sum, named_order
from lava_nexus.layers.program import Apply, Contract, Node, Populate, Program, Rearrange, Reduce, Value
from lava_nexus.layers.spiking import GATES, Nonlinear, SpikingLinear
from lava_nexus.layers.writer import Writer

__all__ = [
    "GATES",
    "Accumulate",
    "Apply",
    "AttentionWeights",
    "BlockWeights",
    "Contract",
    "FeedForwardWeights",
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
    "Writer",
    "attention",
    "linear",
    "linear_grad",
    "mean",
    "named_order",
    "pre_norm_block",
    "residual",
    "rms_norm",
    "rms_norm_grad",
    "root_mean_square",
    "silu",
    "silu_grad",
    "softmax",
    "softmax_grad",
    "swiglu",
]
