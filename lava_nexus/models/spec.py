"""What a model is: sizes, layers, tensor names and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lava_nexus.models.architecture import Architecture, Head
from lava_nexus.models.architectures import ARCHITECTURES
from lava_nexus.models.rope import Frequencies, Rope
from lava_nexus.programs.transformer import LayerShape

Shape = tuple[int, ...]
Tensors = dict[str, tuple[str, Shape]]
"""Role, for example `query.weight`, to (name in the checkpoint, shape)."""


@dataclass(frozen=True)
class Images:
    """What a model sees: images [channels, height, width], cut into patches in reading order.

    Attributes:
        channels: of a pixel.
        size, patch: (height, width) of an image and of a patch.
    """

    channels: int
    size: tuple[int, int]
    patch: tuple[int, int]

    @property
    def grid(self) -> tuple[int, int]:
        """Patches of a column and of a row."""
        return self.size[0] // self.patch[0], self.size[1] // self.patch[1]

    @property
    def tokens(self) -> int:
        """Patches, and the token of the class before them."""
        return self.grid[0] * self.grid[1] + 1

    @property
    def numbers(self) -> int:
        """Of a patch."""
        return self.channels * self.patch[0] * self.patch[1]


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
        ropes: the kinds of RoPE that layers have, none where positions do not enter so.
        rope_of: number of each layer's, None for a layer without.
        positions: most tokens of a sequence.
        token_types: number of token types, 0 where there are none.
        biases: roles that have a bias.
        tied: whether the head is the embedding.
        prefix: of the tensors of the body.
        head: what makes logits, None where nothing does.
        outputs: logits for each token, or for each sequence where the head reads the pooler's answer.
        pooler: whether it has one.
        position_offset: row of the first position in their table.
        embedding_scale: what embeddings are multiplied by.
        logits_divisor: what logits are divided by.
        logits_cap: c of logits as c tanh(logit / c), None for none.
        final_norm: whether the norm behind the layers is run, where the family has one.
        ends: tokens that end a sequence.
        padding: token that only fills sequences up, None where there is none.
        expert_hidden: width inside an expert.
        single: layers whose feed-forward part is one, where others have experts.
        images: what it takes in place of tokens; None for tokens.
    """

    kind: str
    vocabulary: int
    width: int
    hidden: int
    shape: LayerShape
    windows: tuple[int | None, ...]
    ropes: tuple[Rope, ...]
    rope_of: tuple[int | None, ...]
    positions: int
    token_types: int
    biases: frozenset[str]
    tied: bool
    prefix: str
    head: Head | None
    outputs: int
    pooler: bool
    position_offset: int = 0
    embedding_scale: float = 1.0
    logits_divisor: float = 1.0
    logits_cap: float | None = None
    final_norm: bool = True
    ends: tuple[int, ...] = ()
    padding: int | None = None
    expert_hidden: int = 0
    single: frozenset[int] = frozenset()
    images: Images | None = None

    @property
    def frequencies(self) -> Frequencies:
        """FP32 [pairs], inverse frequencies of the first kind of RoPE; empty without it."""
        return self.ropes[0].frequencies if self.ropes else np.zeros(0, np.float32)

    @property
    def architecture(self) -> Architecture:
        """What its family shares."""
        return ARCHITECTURES[self.kind]

    @property
    def plain(self) -> bool:
        """Whether it is a gated decoder of pre-norm layers with RMSNorm and nothing that only some families have."""
        shape, roles = self.shape, self.architecture.roles
        if shape.routing is not None:
            return False
        usual = shape.arrangement == "pre_norm" and shape.norm == "rms" and shape.gated and not shape.normed_together
        inner = "attention_norm" in roles and "attention_out_norm" not in roles
        scaled = (shape.residual_scale, self.embedding_scale, self.logits_divisor) != (1.0, 1.0, 1.0)
        turned = self.rope_of == (0,) * self.layers and all(r.scale == 1.0 and r.limit is None for r in self.ropes)
        usual_scale = shape.scale == float(np.float32(1 / np.sqrt(shape.head_dim)))
        capped = shape.softcap is not None or self.logits_cap is not None
        return usual and inner and turned and usual_scale and not scaled and not capped

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.windows)

    def layer_shape(self, layer: int) -> LayerShape:
        """Shape of one layer, with its window."""
        routing = None if layer in self.single else self.shape.routing
        return replace(self.shape, window=self.windows[layer], routing=routing)

    def layer_tensors(self, layer: int) -> Tensors:
        """Tensors of one layer; a projection is [outputs, inputs]."""
        family, routing = self.architecture, self.layer_shape(layer).routing
        start, roles = self.prefix + family.layer.format(layer), dict(family.roles)
        if routing is not None:
            roles = {role: name for role, name in roles.items() if role not in family.experts}
            roles["router"] = family.router
            for number in range(routing.experts):
                roles |= {f"expert {number}.{role}": name.format(number) for role, name in family.experts.items()}
        return self._named({role: start + name for role, name in roles.items()})

    @cached_property
    def embedding_tensors(self) -> Tensors:
        """Tables of words, positions and token types, and their norm; of images what their patches become."""
        return self._named({role: self.prefix + n for role, n in self.architecture.embeddings.items()})

    @cached_property
    def ending_tensors(self) -> Tensors:
        """What follows the layers, the head left out."""
        left_out = {"pooler": not self.pooler, "final_norm": not self.final_norm}
        endings = self.architecture.endings.items()
        roles = {role: self.prefix + n for role, n in endings if not left_out.get(role, False)}
        if self.head is not None and self.head.pooler:
            roles["pooler"] = self.head.pooler
        return self._named(roles)

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
        return self._named({"transform": self.head.transform, "transform_norm": self.head.transform_norm})

    @property
    def tensors(self) -> dict[str, Shape]:
        """Every tensor's shape by its name in the checkpoint."""
        groups = [self.embedding_tensors, *map(self.layer_tensors, range(self.layers))]
        ending = (self.ending_tensors, self.transform_tensors, self.head_tensors)
        return {name: shape for group in (*groups, *ending) for name, shape in group.values()}

    def held_by(self, names: set[str]) -> ModelSpec:
        """The model without what a checkpoint of these tensors leaves out: prefix, head or pooler."""
        words = next(iter(self.architecture.embeddings.values())) + ".weight"
        known = (self.prefix, *self.architecture.prefixes, "")
        prefix = next((start for start in known if start + words in names), self.prefix)
        bare = prefix == "" and self.prefix != ""
        found = replace(self, prefix=prefix, head=self.head and self.head.held_by(names))
        if bare and not found._head_names <= names:
            found = replace(found, head=None)
        head = found.head
        pooler = head.pooled if head is not None else self.pooler and any("pooler" in name for name in names)
        return replace(found, pooler=pooler)

    @property
    def _head_names(self) -> set[str]:
        return {name for group in (self.head_tensors, self.transform_tensors) for name, _ in group.values()}

    @property
    def ignored(self) -> tuple[str, ...]:
        """Parts of the names of tensors that a checkpoint may hold beside those of the model."""
        unused = [self.head.name + "."] if self.head and self.tied else []
        heads = [head.name + "." for head in self.architecture.heads.values() if head] if self.head is None else []
        return (*self.architecture.ignored, *unused, *heads)

    def _named(self, modules: Mapping[str, str]) -> Tensors:
        found: Tensors = {}
        for role, name in modules.items():
            for part, shape in self.module_shapes(role).items():
                found[f"{role}.{part}"] = (f"{name}.{part}", shape)
        return found

    def module_shapes(self, role: str) -> dict[str, Shape]:
        """Shapes of the parts, weight and bias, of a role's module."""
        if role.endswith("norm"):
            heads = {"query_norm": self.shape.heads, "key_norm": self.shape.kv_heads}
            width = self.width
            if role in heads:
                width = self.shape.head_dim * (heads[role] if self.shape.normed_together else 1)
            layered = self.shape.norm == "layer"
            return {"weight": (width,), "bias": (width,)} if layered else {"weight": (width,)}
        queries, keys = self.shape.heads * self.shape.head_dim, self.shape.kv_heads * self.shape.head_dim
        expert, _, own = role.rpartition(".")
        hidden, role = self.expert_hidden if expert else self.hidden, own
        shapes: dict[str, Shape] = {
            "query": (queries, self.width),
            "key": (keys, self.width),
            "value": (keys, self.width),
            "output": (self.width, queries),
            "gate": (hidden, self.width),
            "up": (hidden, self.width),
            "down": (self.width, hidden),
            "router": (self.shape.routing.experts if self.shape.routing else 0, self.width),
            "patches": (self.width, self.images.numbers if self.images else 0),
            "class_token": (1, self.width),
            "words": (self.vocabulary, self.width),
            "positions": (self.positions + self.position_offset, self.width),
            "token_types": (self.token_types, self.width),
            "pooler": (self.width, self.width),
            "head": (self.outputs, self.width),
            "transform": (self.width, self.width),
        }
        shape = shapes[role]
        return {"weight": shape, "bias": shape[:1]} if role in self.biases else {"weight": shape}
