"""Models as configs describe them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lava_nexus.config.transformer import ArithmeticConfig, ModelSource
from lava_nexus.formats import FloatFormat, format_named
from lava_nexus.models.model import Model, load, random_model

_NARROW = ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads")


def built(source: ModelSource, how: ArithmeticConfig, narrow: bool = False) -> Model:
    """The model, every operation exact: what is left to LIF populations comes later, by `replaced.by_populations`.

    Args:
        source: where its weights come from.
        how: it computes.
        narrow: whether random weights are those of a model of an eighth of the width with the same sort of layers.

    Raises:
        NexusError: the checkpoint or the architecture is not that of a supported model.
    """
    options: dict[str, Any] = {
        "format": how.float_format,
        "basis": how.basis,
        "accumulate": how.accumulate,
        "silu": source.silu,
    }
    if source.checkpoint is not None:
        model = load(source.checkpoint, **options)
    else:
        keys = source.architecture or {}
        model = random_model(_narrowed(keys) if narrow else keys, how.seed, **options)
    model.arithmetic = replace(
        model.arithmetic,
        weights=how.weights,
        weight_format=_format(how.weight_format),
        accumulate_format=_format(how.accumulate_format),
    )
    return model


def _format(name: str | None) -> FloatFormat | None:
    return None if name is None else format_named(name)


def _narrowed(keys: dict[str, Any]) -> dict[str, Any]:
    return keys | {key: max(1, keys[key] // 8) for key in _NARROW if isinstance(keys.get(key), int)}
