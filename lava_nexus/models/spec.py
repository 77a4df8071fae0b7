"""What a model is: sizes, layers, tensor names and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lava_nexus.models.architectures import ARCHITECTURES, Architecture, Head
from lava_nexus.programs.transformer import LayerShape

Shape = tuple[int, ...]
Tensors = dict[str, tuple[str, Shape]]
"""Role, for example `query.weight`, to (name in the checkpoint, shape)."""


@dataclass(frozen=True)
class ModelSpec:
    """A model of one of the architectures.

    Attributes:
        kind: key of `ARCHITECTURES`.
        vocabulary: number of tokens.
        width: of the residual stream.
        hidden: width inside the feed-forward part.
        shape: of every layer, its window left out.
        windows: window of each layer, None where it sees all.
        frequencies: FP32 [pairs], inverse frequencies of RoPE; empty without it.
        positions: most tokens of a sequence.
        token_types: number of token types, 0 where there are none.
        biases: roles that have a bias.
        tied: whether the head is the embedding.
        prefix: of the tensors of the body.
        head: what makes logits, None where nothing does.
        outputs: logits for each token, or for each sequence where the head reads the pooler's answer.
        pooler: whether it has one.
    """

    kind: str
    vocabulary: int
    width: int
    hidden: int
    shape: LayerShape
    windows: tuple[int | None, ...]
    frequencies: NDArray[np.float32]
    positions: int
    token_types: int
    biases: frozenset[str]
    tied: bool
    prefix: str
    head: Head | None
    outputs: int
    pooler: bool

    @property
    def architecture(self) -> Architecture:
        """What its family shares."""
        return ARCHITECTURES[self.kind]

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.windows)

    def layer_shape(self, layer: int) -> LayerShape:
        """Shape of one layer, with its window."""
        return replace(self.shape, window=self.windows[layer])

    def layer_tensors(self, layer: int) -> Tensors:
        """Tensors of one layer; a projection is [outputs, inputs]."""
        start = self.prefix + self.architecture.layer.format(layer)
        return self._named({role: start + name for role, name in self.architecture.roles.items()})

    @cached_property
    def embedding_tensors(self) -> Tensors:
        """Tables of words, positions and token types, and their norm."""
        return self._named({role: self.prefix + n for role, n in self.architecture.embeddings.items()})

    @cached_property
    def ending_tensors(self) -> Tensors:
        """What follows the layers, the head left out."""
        roles = {role: n for role, n in self.architecture.endings.items() if role != "pooler" or self.pooler}
        return self._named({role: self.prefix + n for role, n in roles.items()})

    @cached_property
    def head_tensors(self) -> Tensors:
        """The head; where it is tied, its weight is the table of words."""
        if self.head is None:
            return {}
        found = self._named({"head": self.head.name})
        if self.head.bias:
            found["head.bias"] = (self.head.bias, (self.outputs,))
        if self.tied and self.head.outputs == "vocabulary":
            found["head.weight"] = self.embedding_tensors["words.weight"]
        return found

    @cached_property
    def transform_tensors(self) -> Tensors:
        """The dense layer and the norm that some heads have in front of them."""
        if self.head is None or not self.head.transform:
            return {}
        start = self.head.transform
        return self._named({"transform": f"{start}dense", "transform_norm": f"{start}LayerNorm"})

    @property
    def tensors(self) -> dict[str, Shape]:
        """Every tensor's shape by its name in the checkpoint."""
        groups = [self.embedding_tensors, *map(self.layer_tensors, range(self.layers))]
        ending = (self.ending_tensors, self.transform_tensors, self.head_tensors)
        return {name: shape for group in (*groups, *ending) for name, shape in group.values()}

    def held_by(self, names: set[str]) -> ModelSpec:
        """The model without what a checkpoint of these tensors leaves out: prefix, head or pooler."""
        words = self.architecture.embeddings["words"] + ".weight"
        bare = words in names and self.prefix + words not in names
        head = None if bare or self.head is None else self.head.held_by(names)
        pooler = head.pooled if head is not None else self.pooler and any("pooler" in name for name in names)
        return replace(self, prefix="" if bare else self.prefix, head=head, pooler=pooler)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Parts of the names of tensors that a checkpoint may hold beside those of the model."""
        return (*self.architecture.ignored, *([self.head.name + "."] if self.head and self.tied else []))

    def _named(self, modules: Mapping[str, str]) -> Tensors:
        found: Tensors = {}
        for role, name in modules.items():
            for part, shape in self._module_shapes(role).items():
                found[f"{role}.{part}"] = (f"{name}.{part}", shape)
        return found

    def _module_shapes(self, role: str) -> dict[str, Shape]:
        if role.endswith("norm"):
            width = self.shape.head_dim if role in ("query_norm", "key_norm") else self.width
            layered = self.shape.norm == "layer"
            return {"weight": (width,), "bias": (width,)} if layered else {"weight": (width,)}
        queries, keys = self.shape.heads * self.shape.head_dim, self.shape.kv_heads * self.shape.head_dim
        shapes: dict[str, Shape] = {
            "query": (queries, self.width),
            "key": (keys, self.width),
            "value": (keys, self.width),
            "output": (self.width, queries),
            "gate": (self.hidden, self.width),
            "up": (self.hidden, self.width),
            "down": (self.width, self.hidden),
            "words": (self.vocabulary, self.width),
            "positions": (self.positions, self.width),
            "token_types": (self.token_types, self.width),
            "pooler": (self.width, self.width),
            "head": (self.outputs, self.width),
            "transform": (self.width, self.width),
        }
        shape = shapes[role]
        return {"weight": shape, "bias": shape[:1]} if role in self.biases else {"weight": shape}
