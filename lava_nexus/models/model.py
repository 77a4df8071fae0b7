"""Models by their checkpoint or with seeded random weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from lava_nexus.documents import read_json
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT32, FormatLike
from lava_nexus.models.config_json import read_spec
from lava_nexus.models.defaults import completed, text_part
from lava_nexus.models.folder import FolderTensors
from lava_nexus.models.generation import end_tokens
from lava_nexus.models.gguf_model import gguf_config, gguf_in, gguf_views
from lava_nexus.models.spec import ModelSpec
from lava_nexus.models.stage import arithmetic_of, check_eps
from lava_nexus.models.tensors import RandomTensors, ViewedTensors
from lava_nexus.models.transformer import Model as Model
from lava_nexus.models.transformer import token_array as token_array
from lava_nexus.models.views import views_of
from lava_nexus.programs.order import Accumulate, Orders


def load(
    path: str | os.PathLike[str],
    *,
    format: FormatLike = FLOAT32,
    basis: str = "threshold",
    accumulate: Accumulate | Orders | None = None,
    silu: Literal["steps", "fused"] = "steps",
    product: str | None = None,
    norm_format: FormatLike = FLOAT32,
) -> Model:
    """A model from a Hugging Face folder: config.json, and safetensors or pytorch_model.bin, whole or in shards.

    Headers are read and checked now, weights when their layer runs.

    >>> model = nexus.load("Qwen3-0.6B", format="float16")
    >>> model([9707, 1879], logits="last").logits.argmax()

    Args:
        path: the folder, or a GGUF file.
        format: of all arithmetic and weights: a FloatFormat, or "float16", `np.float16`, `torch.float16`.
        basis: cells of the circuits, "threshold" or "nexus".
        accumulate: order of every sum; None for "sequential", or "exact" of native products.
        silu: x / (1 + exp(-x)) in four rounded steps, or the one circuit, which is within 1 ULP.
        product: kind of the products of linear layers, `lava_nexus.programs.KINDS`: "native" has the chip's synapses
            form them. None for gates, as the order asks for.
        norm_format: inside norms, softmax, RoPE's sums and the steps of SiLU where `format` is narrower, rounded to
            `format` behind each, as libraries do; give `format` itself for a run that is narrow throughout.

    Raises:
        NexusError: an option that does not exist, or a folder, config or tensors that are not those of a supported
            model.
    """
    arithmetic = arithmetic_of(format, basis, accumulate, product, norm_format)
    if not isinstance(path, str | os.PathLike):
        raise NexusError(f"checkpoint {path!r} is not a path but of type {type(path).__name__}")
    folder = Path(path)
    single = gguf_in(folder)
    if single is None and not folder.is_dir():
        raise NexusError(f"checkpoint '{folder}' is not a folder")
    name = f"config '{folder / 'config.json'}'" if single is None else f"metadata of '{single}'"
    config = read_json(folder / "config.json") if single is None else gguf_config(single)
    spec = spec_of(config, name, silu)
    config = text_part(config, name)
    source = FolderTensors(folder)
    spec = spec.held_by(source.names)
    viewed = ViewedTensors(source, views_of(spec) if single is None else gguf_views(spec))
    viewed.check(spec.tensors, spec.ignored)
    check_eps(spec.shape.eps, arithmetic)
    if spec.tied and spec.head is not None and f"{spec.head.name}.weight" in source.names:
        words = spec.embedding_tensors["words.weight"][0]
        source.remarks.append(
            f"The head is '{words}', as 'tie_word_embeddings' says, and not the file's '{spec.head.name}.weight'."
        )
    generation = folder / "generation_config.json"
    ends = (read_json(generation), f"'{generation}'") if generation.is_file() else (completed(config, name), name)
    return Model(replace(spec, ends=end_tokens(*ends), padding=_padding(config)), viewed, arithmetic)


def _padding(config: Mapping[str, Any]) -> int | None:
    """The padding token that a config names, unless it has another meaning too."""
    given = config.get("pad_token_id")
    others = [config.get(f"{name}_token_id") for name in ("bos", "eos", "sep", "cls")]
    others += others[1] if isinstance(others[1], list) else []
    return given if type(given) is int and given not in others else None


def random_model(
    config: dict[str, Any],
    seed: int = 0,
    *,
    format: FormatLike = FLOAT32,
    basis: str = "threshold",
    accumulate: Accumulate | Orders | None = None,
    silu: Literal["steps", "fused"] = "steps",
    product: str | None = None,
    norm_format: FormatLike = FLOAT32,
) -> Model:
    """A model of seeded random weights, with the shapes that keys and values of a config.json describe.

    Weights are made when their layer runs, 0.02 N(0, 1) and norms 1 + 0.02 N(0, 1), so that a model of any size is
    there at once; `nexus.place` takes its shapes alone.

    >>> tiny = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 1}
    >>> more = {"vocab_size": 32, "max_position_embeddings": 16, "rms_norm_eps": 1e-6}
    >>> nexus.random_model({"model_type": "llama", **tiny, **more})([1, 2, 3]).logits.shape
    (1, 3, 32)

    Args:
        config: keys and values of a config.json.
        seed: of the weights.
        format, basis, accumulate, silu, product, norm_format: as of `load`.

    Raises:
        NexusError: the config is not that of a supported model.
    """
    name = "config of the random model"
    spec, arithmetic = spec_of(config, name, silu), arithmetic_of(format, basis, accumulate, product, norm_format)
    return Model(replace(spec, ends=end_tokens(config, name)), RandomTensors(seed), arithmetic)


def spec_of(config: Any, source: str, silu: str) -> ModelSpec:
    """The model of a config.json's values.

    Raises:
        NexusError: they are not those of a supported model.
    """
    if not isinstance(config, dict):
        raise NexusError(f"{source} must hold keys and values")
    kinds = {"steps": "silu", "fused": "silu_fused"}
    if silu not in kinds:
        raise NexusError(f"silu is {silu!r}, must be one of {', '.join(kinds)}")
    return read_spec(config, source, kinds[silu])
