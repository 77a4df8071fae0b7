"""Floor 5: layers as programs of circuit invocations."""

from lava_nexus.layers.attention import AttentionWeights, attention
from lava_nexus.layers.block import BlockWeights, pre_norm_block
from lava_nexus.layers.feed_forward import FeedForwardWeights, silu, swiglu
from lava_nexus.layers.linear import linear, residual
from lava_nexus.layers.normalisation import mean, rms_norm, softmax
from lava_nexus.layers.program import Apply, Contract, Node, Program, Rearrange, Reduce, Value
from lava_nexus.layers.writer import Writer

__all__ = [
    "Apply",
    "AttentionWeights",
    "BlockWeights",
    "Contract",
    "FeedForwardWeights",
    "Node",
    "Program",
    "Rearrange",
    "Reduce",
    "Value",
    "Writer",
    "attention",
    "linear",
    "mean",
    "pre_norm_block",
    "residual",
    "rms_norm",
    "silu",
    "softmax",
    "swiglu",
]
