"""Files that hold weights, read tensor by tensor: safetensors, PyTorch's pickles of tensors alone, GGUF.

A GGUF file is a checkpoint: its metadata as a config.json, its tensors by the names that transformers has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.models.checkpoint import dtype_name, opened, read_float8
from lava_nexus.models.spec import ModelSpec, Shape, View
from lava_nexus.torch.pickled import read_pickled

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
    scaling = file.value(f"{kind}.rope.scaling.type")
    if scaling not in (None, "none") or "rope_freqs.weight" in file.shapes:
        how = scaling or "rope_freqs.weight"
        raise NexusError(f"checkpoint '{path}': RoPE of a GGUF file is scaled ({how}), which is not read")
    if config["vocab_size"] is None and "token_embd.weight" in file.shapes:
        config["vocab_size"] = file.shapes["token_embd.weight"][0][0]
    ends = file.value("tokenizer.ggml.eos_token_id")
    found = {key: value for key, value in config.items() if value is not None}
    tied = "output.weight" not in file.shapes
    return {"model_type": kind, **found, "eos_token_id": ends, "tie_word_embeddings": tied, **_biases(file)}


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


Rows = slice | NDArray[np.int64]

DTYPES = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
"""What weights may be stored in; a float64 is rounded to FP32 when it is read, as transformers does."""
QUANTISED = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q6_K")
"""Types of a GGUF file's tensors that are read, each as the FP32 numbers that it stands for."""


class StoredFile(ABC):
    """A file with tensors by name.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def shapes(self) -> dict[str, tuple[Shape, str]]:
        """(shape, dtype) of every tensor by name."""

    @abstractmethod
    def rows(self, name: str, rows: Rows) -> NDArray[Any]:
        """Some rows (first axis) of a tensor."""


def stored_file(path: Path) -> StoredFile:
    """The file, as its name says.

    Raises:
        NexusError: it is missing, or no whole file of its kind.
    """
    kinds: dict[str, type[StoredFile]] = {".safetensors": _Safetensors, ".gguf": GgufFile}
    return kinds.get(path.suffix, _Pickled)(path)


class _Safetensors(StoredFile):
    @cached_property
    def shapes(self) -> dict[str, tuple[Shape, str]]:
        with opened(self.path) as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (a safetensors file is no dict)
            return {name: (tuple(s.get_shape()), dtype_name(s.get_dtype())) for name, s in slices.items()}

    def rows(self, name: str, rows: Rows) -> NDArray[Any]:
        shape, dtype = self.shapes[name]
        if dtype.startswith("float8"):
            return read_float8(self.path, name, dtype, shape)[rows]
        with opened(self.path) as file:
            if not isinstance(rows, slice):
                table = file.get_slice(name)
                return np.stack([table[int(row) : int(row) + 1][0] for row in rows])
            whole = (rows.start, rows.stop) == (0, shape[0])
            return np.asarray(file.get_tensor(name) if whole else file.get_slice(name)[rows.start : rows.stop])


class _Pickled(StoredFile):
    """By PyTorch, with `weights_only`: tensors and plain containers, nothing that runs."""

    @cached_property
    def _tensors(self) -> dict[str, Any]:
        return read_pickled(self.path)

    @cached_property
    def shapes(self) -> dict[str, tuple[Shape, str]]:
        return {name: (tuple(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in self._tensors.items()}

    def rows(self, name: str, rows: Rows) -> NDArray[Any]:
        tensor = self._tensors[name]
        part = tensor[rows if isinstance(rows, slice) else rows.tolist()]
        return np.asarray((part if str(part.dtype) == "torch.float64" else part.float()).numpy())


class GgufFile(StoredFile):
    """By the gguf package; quantised blocks become the FP32 numbers that they stand for."""

    @cached_property
    def reader(self) -> Any:
        """What the package makes of the file."""
        try:
            import gguf
        except ImportError:
            raise NexusError(
                f"checkpoint '{self.path}' is read by the package gguf, which is not installed: pip install gguf"
            ) from None
        try:
            return gguf.GGUFReader(self.path)
        except (OSError, ValueError, IndexError, KeyError) as error:
            raise NexusError(f"checkpoint '{self.path}' is truncated or no GGUF file: {error}") from error

    def value(self, key: str) -> Any:
        """A value of the metadata, None where there is none."""
        field = self.reader.get_field(key)
        return None if field is None else field.contents()

    @cached_property
    def _tensors(self) -> dict[str, Any]:
        return {str(tensor.name): tensor for tensor in self.reader.tensors}

    @cached_property
    def shapes(self) -> dict[str, tuple[Shape, str]]:
        """As the metadata has them."""

        def dtype(tensor: Any) -> str:
            kind = str(tensor.tensor_type.name)
            return "float32" if kind in QUANTISED else kind

        return {name: (tuple(int(n) for n in t.shape[::-1]), dtype(t)) for name, t in self._tensors.items()}

    def rows(self, name: str, rows: Rows) -> NDArray[Any]:
        """As FP32."""
        import gguf

        tensor = self._tensors[name]
        if len(tensor.shape) == 1:
            return np.asarray(gguf.quants.dequantize(tensor.data, tensor.tensor_type), np.float32)[rows]
        return np.asarray(gguf.quants.dequantize(tensor.data[rows], tensor.tensor_type), np.float32)
