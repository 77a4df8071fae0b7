"""Families of models by the `model_type` of a config.json: one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lava_nexus.models.architecture import Architecture, Head, Heads
from lava_nexus.models.encoders import ALL_LINEAR, ATTENTION, ENCODERS

_GATED = ("gate", "up", "down")


def causal_heads(name: str, bias: bool = False) -> Heads:
    """Those of a decoder: the language model, and the body alone."""
    return {f"{name}ForCausalLM": Head("lm_head", bias="lm_head.bias" if bias else ""), f"{name}Model": None}


def _llama_like(
    heads: Heads | None = None,
    roles: Mapping[str, str] | None = None,
    biases: Mapping[str, bool | str] | None = None,
    gated: bool = True,
    **changes: object,
) -> Architecture:
    names = {
        "attention_norm": "input_layernorm",
        **{role: f"self_attn.{role[0]}_proj" for role in ATTENTION},
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


_ATTENTION_BIAS: dict[str, bool | str] = {role: "attention_bias" for role in ATTENTION}
_ALL_BIASES: dict[str, bool | str] = {**_ATTENTION_BIAS, **{role: "mlp_bias" for role in _GATED}}
_QUERY_KEY_NORM = {"query_norm": "self_attn.q_norm", "key_norm": "self_attn.k_norm"}
_OUTER_NORMS = {
    "attention_out_norm": "post_attention_layernorm",
    "feed_forward_norm": "pre_feedforward_layernorm",
    "feed_forward_out_norm": "post_feedforward_layernorm",
}
_GEMMA = _llama_like(causal_heads("Gemma"), biases=_ATTENTION_BIAS, norm_offset=1.0, embedding_root=True)
_GEMMA2 = replace(
    _GEMMA,
    heads=causal_heads("Gemma2"),
    roles={**_GEMMA.roles, **_OUTER_NORMS},
    windows="pattern",
    scale_key="query_pre_attn_scalar",
)
_PLAIN_NORMS = ("attention_norm", "feed_forward_norm")
_OLMO2 = _llama_like(
    causal_heads("Olmo2"),
    roles={**_QUERY_KEY_NORM, **{k: v for k, v in _OUTER_NORMS.items() if k != "feed_forward_norm"}},
    biases=_ATTENTION_BIAS,
    query_key_norm=True,
    normed_together=True,
)
ARCHITECTURES: dict[str, Architecture] = {
    "llama": _llama_like(causal_heads("Llama"), biases=_ALL_BIASES),
    "mistral": _llama_like(causal_heads("Mistral"), windows="all"),
    "qwen2": _llama_like(
        causal_heads("Qwen2"),
        biases={role: True for role in ATTENTION[:3]},
        windows="late",
        window_switch="use_sliding_window",
    ),
    "qwen3": _llama_like(
        causal_heads("Qwen3"),
        roles=_QUERY_KEY_NORM,
        biases=_ATTENTION_BIAS,
        query_key_norm=True,
        windows="late",
        window_switch="use_sliding_window",
    ),
    "smollm3": _llama_like(
        causal_heads("SmolLM3"), biases=_ALL_BIASES, windows="no_rope", window_switch="use_sliding_window"
    ),
    "gemma": _GEMMA,
    "gemma2": _GEMMA2,
    "gemma3_text": replace(
        _GEMMA2,
        heads={"Gemma3ForCausalLM": Head("lm_head"), "Gemma3TextModel": None},
        roles={**_GEMMA2.roles, **_QUERY_KEY_NORM},
        query_key_norm=True,
        refused={"use_bidirectional_attention": False},
        prefixes=("model.language_model.", "language_model.model."),
        ignored=("rotary_emb.inv_freq", "vision_tower.", "multi_modal_projector.", "language_model.lm_head."),
    ),
    "phi": Architecture(
        prefix="model.",
        layer="layers.{}.",
        roles={
            "attention_norm": "input_layernorm",
            **{role: f"self_attn.{role[0]}_proj" for role in ATTENTION[:3]},
            "output": "self_attn.dense",
            "up": "mlp.fc1",
            "down": "mlp.fc2",
        },
        embeddings={"words": "embed_tokens"},
        endings={"final_norm": "final_layernorm"},
        heads=causal_heads("Phi", bias=True),
        biases=ALL_LINEAR,
        arrangement="parallel",
        norm="layer",
        gated=False,
        eps_key="layer_norm_eps",
        refused={"qk_layernorm": False},
    ),
    "phi3": _llama_like(
        causal_heads("Phi3"),
        fused={
            **{role: "self_attn.qkv_proj" for role in ATTENTION[:3]},
            **{role: "mlp.gate_up_proj" for role in _GATED[:2]},
        },
        windows="all",
    ),
    "mixtral": _llama_like(
        causal_heads("Mixtral"),
        windows="all",
        router="block_sparse_moe.gate",
        experts={role: f"block_sparse_moe.experts.{{}}.w{n}" for role, n in zip(_GATED, (1, 3, 2), strict=True)},
    ),
    "qwen3_moe": _llama_like(
        causal_heads("Qwen3Moe"),
        roles=_QUERY_KEY_NORM,
        biases=_ATTENTION_BIAS,
        query_key_norm=True,
        windows="all",
        window_switch="use_sliding_window",
        router="mlp.gate",
        experts={role: f"mlp.experts.{{}}.{role}_proj" for role in _GATED},
    ),
    "olmo2": replace(_OLMO2, roles={k: v for k, v in _OLMO2.roles.items() if k not in _PLAIN_NORMS}),
    "granite": _llama_like(causal_heads("Granite"), biases=_ALL_BIASES, scale_key="attention_multiplier"),
    "gpt2": Architecture(
        prefix="transformer.",
        layer="h.{}.",
        roles={
            "attention_norm": "ln_1",
            **{role: f"attn.{role}" for role in ATTENTION[:3]},
            "output": "attn.c_proj",
            "feed_forward_norm": "ln_2",
            "up": "mlp.c_fc",
            "down": "mlp.c_proj",
        },
        embeddings={"words": "wte", "positions": "wpe"},
        endings={"final_norm": "ln_f"},
        heads={"GPT2LMHeadModel": Head("lm_head"), "GPT2Model": None},
        biases=ALL_LINEAR,
        fused={role: "attn.c_attn" for role in ATTENTION[:3]},
        transposed=(*ATTENTION, "up", "down"),
        norm="layer",
        gated=False,
        rotary=False,
        eps_key="layer_norm_eps",
        refused={"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "add_cross_attention": False},
        ignored=("attn.bias", "attn.masked_bias"),
    ),
    "gpt_neox": Architecture(
        prefix="gpt_neox.",
        layer="layers.{}.",
        roles={
            "attention_norm": "input_layernorm",
            **{role: f"attention.{role}" for role in ATTENTION[:3]},
            "output": "attention.dense",
            "feed_forward_norm": "post_attention_layernorm",
            "up": "mlp.dense_h_to_4h",
            "down": "mlp.dense_4h_to_h",
        },
        embeddings={"words": "embed_in"},
        endings={"final_norm": "final_layer_norm"},
        heads={"GPTNeoXForCausalLM": Head("embed_out"), "GPTNeoXModel": None},
        biases={**_ATTENTION_BIAS, "up": True, "down": True},
        fused={role: "attention.query_key_value" for role in ATTENTION[:3]},
        by_head=True,
        arrangement="parallel",
        norm="layer",
        gated=False,
        eps_key="layer_norm_eps",
        ignored=("rotary_emb.inv_freq", "attention.bias", "attention.masked_bias"),
    ),
    **ENCODERS,
    # The block of NEXUS (arXiv 2601.21279): norm, attention with RoPE, norm, up, SiLU, down.
    "nexus_block": _llama_like({"NexusBlock": Head("lm_head")}, gated=False),
}

ACTIVATION_NAMES: dict[str, str] = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}
"""`hidden_act` of a config.json to an activation of `layers.feed_forward`."""
