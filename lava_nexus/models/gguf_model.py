"""A GGUF file as a checkpoint: its metadata as a config.json, its tensors by the names that transformers has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.errors import NexusError, needs_package
from lava_nexus.models.spec import ModelSpec
from lava_nexus.models.stored import GgufFile
from lava_nexus.models.views import View

_SIZES = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "context_length": "max_position_embeddings",
    "rope.freq_base": "rope_theta",
    "vocab_size": "vocab_size",
}
"""Key of the metadata, behind the architecture's name, to that of a config.json."""

_KINDS = ("llama", "qwen2", "qwen3")
_MODULES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def gguf_in(path: Path) -> Path | None:
    """The GGUF file that a path means: itself, or the only one of a folder that has no config.json."""
    if path.suffix == ".gguf" and path.is_file():
        return path
    if not path.is_dir() or (path / "config.json").exists():
        return None
    found = sorted(path.glob("*.gguf"))
    return found[0] if len(found) == 1 else None


def gguf_config(path: Path) -> dict[str, Any]:
    """The keys and values of a config.json that say what a GGUF file's metadata says.

    Raises:
        NexusError: the file cannot be read, or its model or its RoPE is not one that is supported.
    """
    file = GgufFile(path)
    kind = file.value("general.architecture")
    if kind not in _KINDS:
        raise NexusError(f"checkpoint '{path}': architecture {kind!r} of a GGUF file is not in {', '.join(_KINDS)}")
    config = {key: file.value(f"{kind}.{name}") for name, key in _SIZES.items()}
    if config["vocab_size"] is None and "token_embd.weight" in file.shapes:
        config["vocab_size"] = file.shapes["token_embd.weight"][0][0]
    ends = file.value("tokenizer.ggml.eos_token_id")
    found = {key: value for key, value in config.items() if value is not None}
    tied = "output.weight" not in file.shapes
    return {
        "model_type": kind,
        **found,
        "eos_token_id": ends,
        "tie_word_embeddings": tied,
        **_biases(file),
        **_scaling(file, kind),
    }


def _scaling(file: GgufFile, kind: str) -> dict[str, Any]:
    """`rope_scaling` of a config.json; `rope_freqs`, by which frequencies are divided, as a longrope of one list.

    Raises:
        NexusError: a scaling of another type, or two of them.
    """
    keys = {"type": "rope_type", "factor": "factor", "original_context_length": "original_max_position_embeddings"}
    found = {key: file.value(f"{kind}.rope.scaling.{name}") for name, key in keys.items()}
    found |= {"attention_factor": file.value(f"{kind}.rope.scaling.attn_factor")}
    given = {key: value for key, value in found.items() if value is not None}
    how, freed = given.get("rope_type", "none"), FREED in file.shapes
    if how not in ("none", "linear", "yarn") or (freed and how != "none"):
        both = f"{how} beside {FREED}" if freed else how
        raise NexusError(f"checkpoint '{file.path}': RoPE of a GGUF file is scaled ({both}), which is not read")
    if freed:
        factors = [float(number) for number in file.rows(FREED, slice(None))]
        return {"rope_scaling": {"rope_type": "longrope", "factor": 1.0, **dict.fromkeys(_FACTORS, factors)}}
    if how == "linear":
        return {"rope_scaling": {"rope_type": how, "factor": given.get("factor")}}
    return {"rope_scaling": given} if how == "yarn" else {}


FREED, _FACTORS = "rope_freqs.weight", ("short_factor", "long_factor")
"""By these numbers of a GGUF file RoPE's frequencies are divided (LLaMA 3.1 and later)."""


def _biases(file: GgufFile) -> dict[str, bool]:
    return {"attention_bias": "blk.0.attn_q.bias" in file.shapes}


def gguf_name(name: str) -> str:
    """What transformers calls a tensor of a GGUF file."""
    module, _, part = name.rpartition(".")
    if module in _OUTSIDE:
        return f"{_OUTSIDE[module]}.{part}"
    block, _, inner = module.removeprefix("blk.").partition(".")
    known = module.startswith("blk.") and inner in _MODULES
    return f"model.layers.{block}.{_MODULES[inner]}.{part}" if known else name


def gguf_views(spec: ModelSpec) -> dict[str, View]:
    """Queries and keys of `llama`, whose pairs of channels that RoPE turns lie beside each other in a GGUF file."""
    found: dict[str, View] = {}
    if spec.kind != "llama":
        return found
    width = spec.shape.head_dim
    for layer in range(spec.layers):
        for key, (name, shape) in spec.layer_tensors(layer).items():
            if key.partition(".")[0] in ("query", "key"):
                rows = np.arange(shape[0]).reshape(-1, width // 2, 2).swapaxes(1, 2).ravel()
                found[name] = View(name, shape, rows)
    return found


_CONTROL = 3
_LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPLITS: dict[str, str] = {"llama-bpe": _LLAMA_3, "qwen2": _LLAMA_3.replace("{1,3}", "")}
"""Where texts are split, by `tokenizer.ggml.pre`, for those that do not split as GPT-2 does."""
_AS_GPT_2 = ("gpt-2", "default", "smollm")


def gguf_tokenizer(path: Path) -> tuple[Any, str | None, dict[str, str]]:
    """(tokenizer, chat template, special tokens by role) of a GGUF file with byte-pair encoding.

    Raises:
        NexusError: it has another kind of tokenizer.
    """
    needs_package(f"the tokenizer of checkpoint '{path}'", "tokenizers")
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors

    file = GgufFile(path)
    kind, pre = file.value("tokenizer.ggml.model"), file.value("tokenizer.ggml.pre")
    if kind != "gpt2" or pre not in (*_SPLITS, *_AS_GPT_2):
        raise NexusError(
            f"checkpoint '{path}': tokenizer {kind!r} ({pre}) of a GGUF file is not read; it takes token ids"
        )
    words = file.value("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in file.value("tokenizer.ggml.merges")]
    made = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, merges))
    if pre in _SPLITS:
        split = pre_tokenizers.Split(Regex(_SPLITS[pre]), "isolated")
        steps = [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    else:
        digits = [pre_tokenizers.Digits(individual_digits=True)] if pre == "smollm" else []
        steps = [*digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    made.pre_tokenizer, made.decoder = pre_tokenizers.Sequence(steps), decoders.ByteLevel()
    kinds = file.value("tokenizer.ggml.token_type") or []
    made.add_special_tokens([AddedToken(w, special=True) for w, k in zip(words, kinds, strict=False) if k == _CONTROL])
    named = {"bos_token": "bos", "eos_token": "eos"}
    numbers = {role: file.value(f"tokenizer.ggml.{name}_token_id") for role, name in named.items()}
    special = {role: words[number] for role, number in numbers.items() if number is not None}
    if file.value("tokenizer.ggml.add_bos_token") and "bos_token" in special:
        bos = special["bos_token"]
        made.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, words.index(bos))]
        )
    return made, file.value("tokenizer.chat_template"), special
