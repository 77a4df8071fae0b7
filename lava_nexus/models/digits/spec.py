"""What the digits transformer is: sizes, tensor names and shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from lava_nexus.errors import NexusError

Shape = tuple[int, ...]

WEIGHTS = Path(__file__).with_name("digits.safetensors")


@dataclass(frozen=True)
class TransformerSpec:
    """A pre-norm encoder that classifies one sequence; `@` sums over the last axis of a weight [out, in].

    h   = tokens @ embedding.weight^T + embedding.bias + positions
    h  += attention(RMSNorm(h)) @ output^T,  attention = softmax(scale * q k^T) v per head
    h  += (SiLU(n @ gate^T) * (n @ up^T)) @ down^T,  n = RMSNorm(h)          (these two lines once a block)
    out = mean over tokens of RMSNorm(h), @ classifier.weight^T + classifier.bias

    Attributes:
        tokens: sequence length.
        token_width: numbers in a token.
        d_model: width of the residual stream.
        heads: attention heads; head i owns channels i * head_dim .. (i + 1) * head_dim.
        head_dim: width of a head, d_model / heads.
        hidden: width inside the feed-forward part.
        blocks: how often attention and feed-forward follow each other.
        eps: added to the mean square in RMSNorm, rounded to float32.
        classes: width of the output.

    Raises:
        NexusError: a size below 1, heads that do not fill the model, or an eps that is no positive float32 number.
    """

    tokens: int
    token_width: int
    d_model: int
    heads: int
    head_dim: int
    hidden: int
    blocks: int
    eps: float
    classes: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "eps" and (type(value) is not int or value < 1):
                raise NexusError(f"transformer size '{field.name}' is {value!r}, must be an integer of at least 1")
        if self.heads * self.head_dim != self.d_model:
            raise NexusError(
                f"transformer with {self.heads} heads of head_dim {self.head_dim} fills {self.heads * self.head_dim} "
                f"channels, must fill d_model {self.d_model}"
            )
        if not 0 < self.eps < math.inf or not 0 < float(np.float32(self.eps)) < math.inf:
            raise NexusError(f"transformer 'eps' is {self.eps!r}, must be a positive number that float32 holds")

    @property
    def scale(self) -> float:
        """What every attention score is multiplied by: 1 / sqrt(head_dim), rounded to float32."""
        return float(np.float32(1.0 / math.sqrt(self.head_dim)))

    @property
    def block_tensors(self) -> dict[str, Shape]:
        """Names (after `blocks.<i>.`) and shapes of one block's tensors; a projection is [out, in]."""
        square = (self.d_model, self.d_model)
        return {
            "attention_norm.weight": (self.d_model,),
            "attention.query.weight": square,
            "attention.key.weight": square,
            "attention.value.weight": square,
            "attention.output.weight": square,
            "feed_forward_norm.weight": (self.d_model,),
            "feed_forward.gate.weight": (self.hidden, self.d_model),
            "feed_forward.up.weight": (self.hidden, self.d_model),
            "feed_forward.down.weight": (self.d_model, self.hidden),
        }

    @property
    def tensors(self) -> dict[str, Shape]:
        """Names and shapes of all tensors, in the order of use."""
        return {
            "embedding.weight": (self.d_model, self.token_width),
            "embedding.bias": (self.d_model,),
            "positions": (self.tokens, self.d_model),
            **{f"blocks.{i}.{name}": shape for i in range(self.blocks) for name, shape in self.block_tensors.items()},
            "final_norm.weight": (self.d_model,),
            "classifier.weight": (self.classes, self.d_model),
            "classifier.bias": (self.classes,),
        }

    @property
    def parameters(self) -> int:
        """Numbers in all tensors."""
        return sum(math.prod(shape) for shape in self.tensors.values())

    @property
    def multiply_accumulates(self) -> int:
        """Multiply-accumulates of the matrix products for one sequence; norms, softmax and SiLU not among them."""
        projections = 4 * self.d_model**2 + 3 * self.d_model * self.hidden
        attention = 2 * self.tokens * self.d_model
        per_token = self.token_width * self.d_model + self.blocks * (projections + attention)
        return self.tokens * per_token + self.d_model * self.classes


DIGITS = TransformerSpec(
    tokens=4, token_width=16, d_model=32, heads=2, head_dim=16, hidden=64, blocks=2, eps=1e-5, classes=10
)
