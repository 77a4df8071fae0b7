"""Families of models as data: their layers and heads, the config keys that say so, the names of their tensors."""

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
        transform: start of the names of a dense layer and a norm in front of it, empty where there are none.
    """

    name: str
    outputs: Literal["vocabulary", "labels"] | int = "vocabulary"
    bias: str = ""
    pooled: bool = False
    transform: str = ""

    def held_by(self, names: set[str]) -> Head:
        """The head, its bias by the name that a checkpoint of these tensors has for it."""
        other = f"{self.name}.bias"
        return replace(self, bias=other) if self.bias and self.bias not in names and other in names else self


Heads = Mapping[str, Head | None]
"""Class of the transformers library to its head, None for a model without one; where none is named, the first."""


def causal_heads(name: str, bias: bool = False) -> Heads:
    """Those of a decoder: the language model, and the body alone."""
    return {f"{name}ForCausalLM": Head("lm_head", bias="lm_head.bias" if bias else ""), f"{name}Model": None}


BERT_HEADS: Heads = {
    "BertModel": None,
    "BertForMaskedLM": Head(
        "cls.predictions.decoder", bias="cls.predictions.bias", transform="cls.predictions.transform."
    ),
    "BertForSequenceClassification": Head("classifier", "labels", "classifier.bias", pooled=True),
    "BertForNextSentencePrediction": Head("cls.seq_relationship", 2, "cls.seq_relationship.bias", pooled=True),
    "BertForTokenClassification": Head("classifier", "labels", "classifier.bias"),
    "BertForQuestionAnswering": Head("qa_outputs", "labels", "qa_outputs.bias"),
}


_ATTENTION = ("query", "key", "value", "output")
_GATED = ("gate", "up", "down")


@dataclass(frozen=True)
class Architecture:
    """One family.

    Attributes:
        prefix: of every tensor of the body; a checkpoint of the body alone has none.
        layer: start of a layer's tensors, with its number in place of `{}`.
        roles: role of a layer's module to its name.
        embeddings: role (`words`, `positions`, `token_types`, `embedding_norm`) to name.
        endings: role (`final_norm`, `pooler`) of what follows the layers to name.
        heads: by class of the transformers library; their names have no prefix. Empty where there is none.
        biases: role to True, or to the config key that says whether the role has a bias.
        arrangement, norm, gated, causal: of every layer, as `LayerShape` has them.
        query_key_norm: whether queries and keys are normed.
        rotary: whether positions enter by RoPE.
        eps_key: config key of the norms' eps.
        tied: whether the head is the embedding where the config does not say.
        window_default: of the config key `sliding_window`, where the config does not say.
        window_switch: config key that must be true for a window, empty where none is asked.
        refused: config key to the only value that is supported.
        ignored: endings of tensor names that a checkpoint may hold and no model needs.
    """

    prefix: str
    layer: str
    roles: Mapping[str, str]
    embeddings: Mapping[str, str]
    endings: Mapping[str, str]
    heads: Heads = field(default_factory=dict)
    biases: Mapping[str, bool | str] = field(default_factory=dict)
    arrangement: Literal["pre_norm", "post_norm", "parallel"] = "pre_norm"
    norm: Literal["rms", "layer"] = "rms"
    gated: bool = True
    causal: bool = True
    query_key_norm: bool = False
    rotary: bool = True
    eps_key: str = "rms_norm_eps"
    tied: bool = False
    window_default: int | None = None
    window_switch: str = ""
    has_window: bool = False
    refused: Mapping[str, object] = field(default_factory=dict)
    ignored: tuple[str, ...] = ("rotary_emb.inv_freq",)


def _llama_like(
    heads: Heads | None = None,
    roles: Mapping[str, str] | None = None,
    biases: Mapping[str, bool | str] | None = None,
    gated: bool = True,
    **changes: object,
) -> Architecture:
    names = {
        "attention_norm": "input_layernorm",
        **{role: f"self_attn.{role[0]}_proj" for role in _ATTENTION},
        "feed_forward_norm": "post_attention_layernorm",
        **{role: f"mlp.{role}_proj" for role in (_GATED if gated else _GATED[1:])},
    }
    return Architecture(
        prefix="model.",
        layer="layers.{}.",
        roles={**names, **(roles or {})},
        embeddings={"words": "embed_tokens"},
        endings={"final_norm": "norm"},
        heads=heads or {},
        biases=biases or {},
        gated=gated,
        **changes,  # type: ignore[arg-type]
    )


_ATTENTION_BIAS = {role: "attention_bias" for role in _ATTENTION}

ARCHITECTURES: dict[str, Architecture] = {
    "llama": _llama_like(causal_heads("Llama"), biases={**_ATTENTION_BIAS, **{role: "mlp_bias" for role in _GATED}}),
    "mistral": _llama_like(causal_heads("Mistral"), has_window=True, window_default=4096),
    "qwen3": _llama_like(
        causal_heads("Qwen3"),
        roles={"query_norm": "self_attn.q_norm", "key_norm": "self_attn.k_norm"},
        biases=_ATTENTION_BIAS,
        query_key_norm=True,
        has_window=True,
        window_default=4096,
        window_switch="use_sliding_window",
    ),
    "phi": Architecture(
        prefix="model.",
        layer="layers.{}.",
        roles={
            "attention_norm": "input_layernorm",
            **{role: f"self_attn.{role[0]}_proj" for role in _ATTENTION[:3]},
            "output": "self_attn.dense",
            "up": "mlp.fc1",
            "down": "mlp.fc2",
        },
        embeddings={"words": "embed_tokens"},
        endings={"final_norm": "final_layernorm"},
        heads=causal_heads("Phi", bias=True),
        biases={role: True for role in (*_ATTENTION, "up", "down")},
        arrangement="parallel",
        norm="layer",
        gated=False,
        eps_key="layer_norm_eps",
        refused={"qk_layernorm": False},
    ),
    "bert": Architecture(
        prefix="bert.",
        layer="encoder.layer.{}.",
        roles={
            **{role: f"attention.self.{role}" for role in _ATTENTION[:3]},
            "output": "attention.output.dense",
            "attention_norm": "attention.output.LayerNorm",
            "up": "intermediate.dense",
            "down": "output.dense",
            "feed_forward_norm": "output.LayerNorm",
        },
        embeddings={
            "words": "embeddings.word_embeddings",
            "positions": "embeddings.position_embeddings",
            "token_types": "embeddings.token_type_embeddings",
            "embedding_norm": "embeddings.LayerNorm",
        },
        endings={"pooler": "pooler.dense"},
        heads=BERT_HEADS,
        biases={role: True for role in (*_ATTENTION, "up", "down")},
        arrangement="post_norm",
        norm="layer",
        gated=False,
        causal=False,
        rotary=False,
        eps_key="layer_norm_eps",
        tied=True,
        refused={"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False},
        ignored=("embeddings.position_ids", "pooler.", "cls.", "classifier.", "qa_outputs."),
    ),
    # The block of NEXUS (arXiv 2601.21279): norm, attention with RoPE, norm, up, SiLU, down.
    "nexus_block": _llama_like({"NexusBlock": Head("lm_head")}, gated=False),
}
"""By the `model_type` of a config.json."""

ACTIVATION_NAMES: dict[str, str] = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}
"""`hidden_act` of a config.json to an activation of `layers.feed_forward`."""
