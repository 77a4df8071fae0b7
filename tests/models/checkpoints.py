"""Tiny random checkpoints of every architecture, written by the transformers library, with awkward shapes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

TOKENS = 11


@dataclass(frozen=True)
class Case:
    """A config and model class of transformers."""

    config: str
    model: str
    options: dict[str, Any] = field(default_factory=dict)

    def build(self) -> Any:
        """The model, weights far from 0 so that every part of it matters."""
        torch.manual_seed(0)
        own = {"n_embd", "dim", "image_size", "text_config"} & self.options.keys()
        sizes = {"pad_token_id": None} if own else SIZES
        config = getattr(transformers, self.config)(**(sizes | self.options))
        config._attn_implementation = config._experts_implementation = "eager"
        model = getattr(transformers, self.model)(config).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                spread = 0.3 if parameter.ndim == 1 else 1.2 / parameter.shape[-1] ** 0.5
                if name.endswith(("gate_up_proj", "down_proj")) and parameter.ndim == 3:
                    spread = 1.2 / SIZES["hidden_size"] ** 0.5
                plain = name.endswith("weight") and not self.config.startswith("Gemma")
                centre = 1.0 if plain and ("norm" in name.lower() or ".ln_" in name) else 0.0
                parameter.copy_(centre + spread * torch.randn_like(parameter))
        return model


SIZES = {"hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2, "vocab_size": 37, "pad_token_id": None}
LLAMA3_SCALING = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
BERT = {"num_attention_heads": 4, "max_position_embeddings": 19, "num_hidden_layers": 1}
CASES: dict[str, Case] = {
    # 6 query heads on 3 of keys: no group of 4; head_dim 10 is not 12 / 6.
    "qwen3": Case(
        "Qwen3Config",
        "Qwen3ForCausalLM",
        {"num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 10, "tie_word_embeddings": True},
    ),
    "qwen3_window": Case(
        "Qwen3Config",
        "Qwen3ForCausalLM",
        {
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 6,
            "use_sliding_window": True,
            "sliding_window": 3,
            "max_window_layers": 1,
            "attention_bias": True,
        },
    ),
    "llama2": Case("LlamaConfig", "LlamaForCausalLM", {"num_attention_heads": 3, "num_key_value_heads": 3}),
    "llama3": Case(
        "LlamaConfig",
        "LlamaForCausalLM",
        {
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "rope_theta": 500000.0,
            "rope_scaling": LLAMA3_SCALING,
            "attention_bias": True,
            "mlp_bias": True,
        },
    ),
    "llama_body": Case("LlamaConfig", "LlamaModel", {"num_attention_heads": 2, "num_key_value_heads": 1}),
    "mistral": Case(
        "MistralConfig",
        "MistralForCausalLM",
        {"num_attention_heads": 6, "num_key_value_heads": 2, "sliding_window": 4, "head_dim": 4},
    ),
    # head_dim 6, of which int(0.7 * 6) = 4 channels are rotated.
    "phi": Case(
        "PhiConfig",
        "PhiForCausalLM",
        {"num_attention_heads": 2, "partial_rotary_factor": 0.7, "hidden_act": "gelu_new"},
    ),
    "bert_words": Case("BertConfig", "BertForMaskedLM", BERT | {"hidden_act": "gelu_new"}),
    **{
        f"bert_{name}": Case("BertConfig", f"BertFor{head}", BERT | {"num_labels": labels})
        for name, head, labels in (
            ("sequence", "SequenceClassification", 3),
            ("token", "TokenClassification", 3),
            ("question", "QuestionAnswering", 2),
            ("next", "NextSentencePrediction", 2),
        )
    },
    "bert": Case(
        "BertConfig",
        "BertModel",
        {"num_attention_heads": 3, "hidden_act": "gelu", "max_position_embeddings": 19, "type_vocab_size": 3},
    ),
}


_HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4, "num_hidden_layers": 1}
_PAIR = {"num_attention_heads": 2, "num_key_value_heads": 1, "num_hidden_layers": 1}
_GEMMA = {
    **_HEADS,
    "num_hidden_layers": 3,
    "query_pre_attn_scalar": 5,
    "sliding_window": 3,
    "attn_logit_softcapping": 4.0,
    "final_logit_softcapping": 5.0,
}
_GPT2 = {"n_embd": 12, "n_head": 3, "n_layer": 1, "n_positions": 19, "vocab_size": 37}
_DISTILBERT = {"dim": 12, "n_heads": 3, "n_layers": 1, "hidden_dim": 20, "vocab_size": 37}
_ROBERTA = {"num_attention_heads": 3, "max_position_embeddings": 19, "num_hidden_layers": 1, "pad_token_id": 1}
_EXPERTS = {"num_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 7}
_VIT = {"image_size": 12, "patch_size": 4, "hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 1}
_VIT |= {"num_attention_heads": 3}
IMAGES: dict[str, Case] = {
    "vit": Case("ViTConfig", "ViTModel", {**_VIT, "num_channels": 2, "num_hidden_layers": 2}),
    "vit_classes": Case("ViTConfig", "ViTForImageClassification", {**_VIT, "num_labels": 5, "qkv_bias": False}),
    "vit_oblong": Case(
        "ViTConfig", "ViTForImageClassification", {**_VIT, "image_size": [13, 8], "patch_size": [3, 4], "num_labels": 3}
    ),
}
FAMILIES: dict[str, Case] = {
    "qwen2": Case(
        "Qwen2Config",
        "Qwen2ForCausalLM",
        {"num_attention_heads": 3, "num_key_value_heads": 1, "num_hidden_layers": 1, "tie_word_embeddings": True},
    ),
    "smollm3": Case(
        "SmolLM3Config",
        "SmolLM3ForCausalLM",
        {**_PAIR, "no_rope_layer_interval": 2, "num_hidden_layers": 2, "attention_bias": True},
    ),
    "gemma": Case("GemmaConfig", "GemmaForCausalLM", _HEADS),
    "gemma2": Case("Gemma2Config", "Gemma2ForCausalLM", _GEMMA),
    "gemma3": Case(
        "Gemma3TextConfig",
        "Gemma3ForCausalLM",
        {**_GEMMA, "attn_logit_softcapping": None, "layer_types": ["sliding_attention"] * 2 + ["full_attention"]},
    ),
    "phi3": Case(
        "Phi3Config", "Phi3ForCausalLM", {"num_attention_heads": 6, "num_key_value_heads": 2, "num_hidden_layers": 1}
    ),
    "olmo2": Case("Olmo2Config", "Olmo2ForCausalLM", _PAIR),
    "granite": Case(
        "GraniteConfig",
        "GraniteForCausalLM",
        {
            **_PAIR,
            "embedding_multiplier": 3.0,
            "residual_multiplier": 0.3,
            "attention_multiplier": 0.4,
            "logits_scaling": 2.5,
            "tie_word_embeddings": True,
        },
    ),
    "gpt2": Case("GPT2Config", "GPT2LMHeadModel", _GPT2),
    "gpt2_body": Case("GPT2Config", "GPT2Model", _GPT2),
    "gpt_neox": Case(
        "GPTNeoXConfig", "GPTNeoXForCausalLM", {"num_attention_heads": 3, "rotary_pct": 0.5, "num_hidden_layers": 1}
    ),
    "gpt_neox_sequential": Case(
        "GPTNeoXConfig",
        "GPTNeoXForCausalLM",
        {"num_attention_heads": 3, "rotary_pct": 1.0, "num_hidden_layers": 1, "use_parallel_residual": False},
    ),
    "roberta": Case("RobertaConfig", "RobertaModel", _ROBERTA),
    "roberta_words": Case("RobertaConfig", "RobertaForMaskedLM", _ROBERTA),
    "roberta_sequence": Case("RobertaConfig", "RobertaForSequenceClassification", {**_ROBERTA, "num_labels": 3}),
    "distilbert": Case("DistilBertConfig", "DistilBertModel", _DISTILBERT),
    "distilbert_words": Case("DistilBertConfig", "DistilBertForMaskedLM", _DISTILBERT),
    "distilbert_sequence": Case("DistilBertConfig", "DistilBertForSequenceClassification", _DISTILBERT),
    "bert_pretraining": Case("BertConfig", "BertForPreTraining", BERT),
    "mixtral": Case("MixtralConfig", "MixtralForCausalLM", {**_PAIR, "num_local_experts": 5, "num_experts_per_tok": 2}),
    "mixtral_body": Case(
        "MixtralConfig",
        "MixtralModel",
        {**_PAIR, "num_local_experts": 3, "num_experts_per_tok": 1, "sliding_window": 4},
    ),
    "qwen3_moe": Case(
        "Qwen3MoeConfig",
        "Qwen3MoeForCausalLM",
        {**_PAIR, **_EXPERTS, "num_hidden_layers": 3, "mlp_only_layers": [1], "norm_topk_prob": True, "head_dim": 8},
    ),
    "qwen3_moe_sparse": Case(
        "Qwen3MoeConfig", "Qwen3MoeForCausalLM", {**_PAIR, **_EXPERTS, "num_hidden_layers": 2, "decoder_sparse_step": 2}
    ),
    "gemma3_images": Case(
        "Gemma3Config",
        "Gemma3ForConditionalGeneration",
        {
            "text_config": {**SIZES, **_GEMMA, "attn_logit_softcapping": None, "sliding_window_pattern": 2},
            "vision_config": {**_VIT, "vision_use_head": False},
            "mm_tokens_per_image": 4,
            "boi_token_index": 35,
            "eoi_token_index": 36,
            "image_token_index": 34,
        },
    ),
    **{
        f"rope_{scaling['rope_type']}": Case(
            "LlamaConfig",
            "LlamaForCausalLM",
            {
                "num_attention_heads": 2,
                "max_position_embeddings": 8 if scaling["rope_type"] == "dynamic" else 16,
                "num_hidden_layers": 1,
                "original_max_position_embeddings": 6,
                "rope_scaling": scaling,
            },
        )
        for scaling in (
            {"rope_type": "dynamic", "factor": 3.0},
            {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4, "beta_fast": 2.0},
            {"rope_type": "longrope", "factor": 3.0, "short_factor": [1.0, 1.5, 2.0], "long_factor": [2.0, 3.0, 5.0]},
        )
    },
}
"""Families and spellings that are run by the reference alone."""


def tokens_of(name: str, batch: int = 2, tokens: int = TOKENS) -> np.ndarray:
    """Seeded ids [batch, tokens]."""
    return np.random.default_rng(len(name)).integers(2, SIZES["vocab_size"], (batch, tokens))


def saved(name: str, folder: Path, dtype: torch.dtype = torch.float32, **options: Any) -> Any:
    """Writes a case to a folder as transformers does; returns the model."""
    model = (CASES | FAMILIES | IMAGES)[name].build().to(dtype)
    model.save_pretrained(folder, safe_serialization=True, **options)
    return model


def outputs(model: Any, tokens: np.ndarray, token_types: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """What transformers answers: hidden states, and logits and the pooler's output where there are some."""
    extra = {} if token_types is None else {"token_type_ids": torch.from_numpy(token_types)}
    given = torch.from_numpy(tokens)
    with torch.no_grad():
        found = model(given.to(model.dtype) if tokens.ndim == 4 else given, output_hidden_states=True, **extra)
    names = {"logits": "logits", "pooled": "pooler_output", "last": "last_hidden_state"}
    names |= {"logits": "prediction_logits"} if hasattr(found, "prediction_logits") else {}
    answers = {ours: getattr(found, theirs, None) for ours, theirs in names.items()}
    if hasattr(found, "start_logits"):
        answers["logits"] = torch.stack([found.start_logits, found.end_logits], dim=-1)
    kept = {name: value.double().numpy() for name, value in answers.items() if value is not None}
    return kept | {f"hidden{i}": h.double().numpy() for i, h in enumerate(found.hidden_states)}
