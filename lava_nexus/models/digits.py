"""The transformer that comes with the package, and what it reads: handwritten digits.

It is small enough to run whole on every executor: one program of all its layers. The digits are scikit-learn's, 1,797
images of 8 x 8 pixels in 17 grey levels, no download.

Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError, needs_extras
from lava_nexus.formats import FloatFormat
from lava_nexus.models.stages import Arithmetic
from lava_nexus.programs import LayerShape, Program, Value, Writer, mean, residual, transformer_layer
from lava_nexus.programs.layers import projection
from lava_nexus.programs.transformer import norm
from lava_nexus.progress import doing

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
    def layer_shape(self) -> LayerShape:
        """Of every block, as other models' layers are described."""
        return LayerShape(
            heads=self.heads,
            kv_heads=self.heads,
            head_dim=self.head_dim,
            scale=self.scale,
            arrangement="pre_norm",
            norm="rms",
            eps=self.eps,
            activation="silu",
            gated=True,
            causal=False,
        )

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


def digits_program(
    tensors: Mapping[str, NDArray[Any]],
    spec: TransformerSpec,
    arithmetic: Arithmetic | FloatFormat,
) -> Program:
    """tokens [tokens, token_width] to logits [1, classes], in one format throughout.

    Args:
        tensors: weights by name, those of `spec.tensors`; rounded to the format before anything runs.
        spec: sizes.
        arithmetic: how the program is written; a format alone stands for `Arithmetic(format)`.
    """
    how = arithmetic if isinstance(arithmetic, Arithmetic) else Arithmetic(arithmetic)
    w, shape = how.writer("digits"), spec.layer_shape
    weights = {name: w.constant(tensor) for name, tensor in tensors.items()}
    tokens = w.program.input("tokens", (spec.tokens, spec.token_width), w.format)
    h = residual(w.inside("positions"), projection(w, tokens, weights, "embedding"), weights["positions"])
    for i in range(spec.blocks):
        h, _ = transformer_layer(w.inside(f"block{i}"), h, _block_weights(weights, i), shape)
    h = norm(w, h, weights, shape, "final_norm")
    pooled = _pool(w.inside("pooling").of_kind("pooling"), h)
    w.program.outputs["logits"] = projection(w, pooled, weights, "classifier")
    return w.program


def _pool(w: Writer, h: Value) -> Value:
    """Mean over tokens: [tokens, width] to [1, width]."""
    return mean(w, w.reshape(w.reduce("add", w.transpose(h, -1, -2)), 1, h.shape[-1]), h.shape[-2])


def _block_weights(weights: Mapping[str, Value], i: int) -> dict[str, Value]:
    """The block's weights by the last words of their names: `query.weight` of `blocks.0.attention.query.weight`."""
    start = f"blocks.{i}."
    return {".".join(name.split(".")[-2:]): value for name, value in weights.items() if name.startswith(start)}


IMAGE_SIDE = 8
PATCH_SIDE = 4
GREY_LEVELS = 16


@dataclass(frozen=True, eq=False)
class DigitsSplit:
    """Training and test images and their labels.

    Attributes:
        train_images: float32 [1437, 8, 8], multiples of 1/16 in 0..1.
        train_labels: int64 [1437], 0..9.
        test_images: float32 [360, 8, 8].
        test_labels: int64 [360].
    """

    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]

    @property
    def test_tokens(self) -> NDArray[np.float32]:
        """float32 [360, 4, 16]: the test images as the model takes them."""
        return patches(self.test_images)


def load_split() -> DigitsSplit:
    """The fixed split: a fifth for test, stratified, random_state 0; pixels 0..16 divided by 16, which is exact."""
    needs_extras("the set of handwritten digits", "data")
    with doing("reading the handwritten digits"):
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        data = load_digits()
    images = (data.images / GREY_LEVELS).astype(np.float32)
    labels = data.target.astype(np.int64)
    parts: list[Any] = train_test_split(images, labels, test_size=0.2, random_state=0, stratify=labels)
    train_images, test_images, train_labels, test_labels = parts
    return DigitsSplit(train_images, train_labels, test_images, test_labels)


def patches(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images [n, 8, 8] to tokens [n, 4, 16]: quarters top left, top right, bottom left, bottom right, read by rows."""
    count, per_side = len(images), IMAGE_SIDE // PATCH_SIDE
    grid = images.reshape(count, per_side, PATCH_SIDE, per_side, PATCH_SIDE)
    return np.ascontiguousarray(grid.swapaxes(2, 3)).reshape(count, per_side**2, PATCH_SIDE**2)
