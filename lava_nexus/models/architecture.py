"""What a family of models shares, as data: layers and heads, the config keys that say so, the names of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal


@dataclass(frozen=True)
class Head:
    """A linear layer behind the model.

    Attributes:
        name: of the linear layer.
        outputs: as many as tokens, as the labels of the config, or a number.
        bias: name of the bias; empty where there is none.
        pooled: whether it reads the pooler's answer, one for each sequence, and not every token's hidden state.
        first: whether it reads the first token's state behind the final norm.
        transform, transform_norm: names of a dense layer and a norm in front of it, empty where there are none.
        pooler: name of a pooler of its own, in place of the body's.
        pooler_activation: of that.
    """

    name: str
    outputs: Literal["vocabulary", "labels"] | int = "vocabulary"
    bias: str = ""
    pooled: bool = False
    first: bool = False
    transform: str = ""
    transform_norm: str = ""
    pooler: str = ""
    pooler_activation: str = "tanh"

    def held_by(self, names: set[str]) -> Head:
        """The head, its bias by the name that a checkpoint of these tensors has for it."""
        other = f"{self.name}.bias"
        return replace(self, bias=other) if self.bias and self.bias not in names and other in names else self


Heads = Mapping[str, Head | None]
"""Class of the transformers library to its head, None for a model without one; where none is named, the first."""


@dataclass(frozen=True)
class Architecture:
    """One family.

    Attributes:
        prefix: of every tensor of the body; a checkpoint of the body alone has none.
        prefixes: other ones, of the same body inside a larger model.
        layer: start of a layer's tensors, with its number in place of `{}`.
        roles: role of a layer's module to its name.
        embeddings: role (`words`, `positions`, `token_types`, `embedding_norm`; of images `patches`, `class_token`,
            `positions`) to name.
        endings: role (`final_norm`, `pooler`) of what follows the layers to name.
        experts: role (`gate`, `up`, `down`) of an expert's module to its name, with its number in place of `{}`; empty
            where the feed-forward part is one.
        router: name of the linear layer that chooses among them.
        image: whether it takes images and not tokens.
        heads: by class of the transformers library; their names have no prefix. Empty where there is none.
        biases: role to True, or to the config key that says whether the role has a bias.
        fused: role to the module that its rows are stored in, beside those of the other roles of that module.
        by_head: whether such a module holds all roles of one head, then those of the next.
        transposed: roles that are stored as [inputs, outputs].
        norm_offset: what is added to the stored weights of norms.
        arrangement, norm, gated, causal: of every layer, as `LayerShape` has them.
        query_key_norm: whether queries and keys are normed.
        normed_together: whether that is done over all heads at once.
        rotary: whether positions enter by RoPE.
        eps_key: config key of the norms' eps.
        windows: which layers have a window: none, all, those from `max_window_layers` on, all but every
            `sliding_window_pattern`th, or those without RoPE.
        window_switch: config key that must be true for a window, empty where none is asked.
        scale_key: config key of what scores are multiplied by, or of a width whose root they are divided by
            (`query_pre_attn_scalar`); empty for the width of a head.
        embedding_root: whether embeddings are multiplied by sqrt(width).
        position_offset: whether positions are numbered from `pad_token_id` + 1.
        refused: config key to the only value that is supported.
        ignored: parts of the names of tensors that a checkpoint may hold and no model needs.
    """

    prefix: str
    layer: str
    roles: Mapping[str, str]
    embeddings: Mapping[str, str]
    endings: Mapping[str, str]
    experts: Mapping[str, str] = field(default_factory=dict)
    router: str = ""
    prefixes: tuple[str, ...] = ()
    image: bool = False
    heads: Heads = field(default_factory=dict)
    biases: Mapping[str, bool | str] = field(default_factory=dict)
    fused: Mapping[str, str] = field(default_factory=dict)
    by_head: bool = False
    transposed: tuple[str, ...] = ()
    norm_offset: float = 0.0
    arrangement: Literal["pre_norm", "post_norm", "parallel"] = "pre_norm"
    norm: Literal["rms", "layer"] = "rms"
    gated: bool = True
    causal: bool = True
    query_key_norm: bool = False
    normed_together: bool = False
    rotary: bool = True
    eps_key: str = "rms_norm_eps"
    windows: Literal["none", "all", "late", "pattern", "no_rope"] = "none"
    window_switch: str = ""
    scale_key: str = ""
    embedding_root: bool = False
    position_offset: bool = False
    refused: Mapping[str, object] = field(default_factory=dict)
    ignored: tuple[str, ...] = ("rotary_emb.inv_freq", "rope_freqs.")
