"""Models as configs describe them, and what the first product of one does to a token, for a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import circuit
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import FLOAT32, FloatFormat, format_named
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.configs.model import ArithmeticConfig
from lava_nexus.lab.configs.origin import ModelSource
from lava_nexus.lab.configs.places import MapBlockConfig
from lava_nexus.lab.figures.circuits import Snapshot
from lava_nexus.models.model import Model, load, random_model
from lava_nexus.models.stage import Arithmetic, check_eps, norm_format_of
from lava_nexus.programs import Accumulate, Contract, Orders, Program
from lava_nexus.torch.orders import accumulation

_NARROW = ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads")


def built(source: ModelSource, how: ArithmeticConfig, narrow: bool = False) -> Model:
    """The model, every operation exact: what is left to LIF populations comes later, by `populations.by_populations`.

    Args:
        source: where its weights come from.
        how: it computes.
        narrow: whether random weights are those of a model of an eighth of the width with the same sort of layers.

    Raises:
        NexusError: the checkpoint or the architecture is not that of a supported model.
    """
    if (path := source.path) is not None:
        model = load(path, silu=source.silu)
    else:
        keys = source.architecture or {}
        model = random_model(narrowed(keys) if narrow else keys, how.seed, silu=source.silu)
    arithmetic = arithmetic_of(how, accumulation(how.accumulate))
    if how.norm_format is None:
        arithmetic = replace(arithmetic, norm_format=norm_format_of(arithmetic.format, FLOAT32))
    check_eps(model.spec.shape.eps, arithmetic)
    return Model(model.spec, model.source, arithmetic)


def arithmetic_of(how: ArithmeticConfig, orders: Accumulate | Orders) -> Arithmetic:
    """How a config has programs written, every operation exact, with these orders of sums."""
    return Arithmetic(
        format=how.float_format,
        basis=how.basis,
        accumulate=orders,
        weights=how.weights,
        weight_format=_format(how.weight_format),
        accumulate_format=_format(how.accumulate_format),
        product=how.product,
        attention=how.attention,
        operators=how.operators,
        style=how.style,
        norm_format=None
        if how.norm_format is None
        else norm_format_of(how.float_format, format_named(how.norm_format)),
    )


def model_of_sizes(config: MapBlockConfig) -> Model:
    """The config's model, whose weights nobody reads."""
    given = config.shape
    how: Any = {"format": config.format, "basis": config.basis, "product": config.product, "silu": config.silu}
    how["norm_format"] = config.norm_format or "float32"
    if given is None:
        model = random_model(config.architecture or {}, **how)
        return Model(model.spec, model.source, _as_mapped(model, config))
    keys = {
        "model_type": "qwen3" if given.query_key_norm else "llama" if given.gated else "nexus_block",
        "hidden_size": given.d_model,
        "num_attention_heads": given.heads,
        "num_key_value_heads": given.kv_heads,
        "head_dim": given.head_dim,
        "intermediate_size": given.hidden,
        "num_hidden_layers": given.layers,
        "vocab_size": max(1, given.vocabulary),
        "max_position_embeddings": config.context,
        "rms_norm_eps": 1e-6,
    }
    model = random_model(keys, **how)
    spec = model.spec
    spec = spec if given.rotary else replace(spec, ropes=(), rope_of=(None,) * spec.layers)
    spec = spec if given.vocabulary else replace(spec, head=None, final_norm=False)
    return Model(spec, model.source, _as_mapped(model, config))


def _as_mapped(model: Model, config: MapBlockConfig) -> Arithmetic:
    return replace(model.arithmetic, operators=config.operators, style=config.style)


def _format(name: str | None) -> FloatFormat | None:
    return None if name is None else format_named(name)


def narrowed(keys: dict[str, Any]) -> dict[str, Any]:
    """Keys of a model of an eighth of the width."""
    return keys | {key: max(1, keys[key] // 8) for key in _NARROW if isinstance(keys.get(key), int)}


_CHANNELS = 64


def figures_of(config: RunConfig, counted: bool, figures: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Of the pictures of spikes and of SynOps, (file, caption) each, those that are of this run.

    The first shows linear layers that multiply and add term by term, the second what was counted.
    """
    term_by_term = (config.product or "rounded", config.accumulate, config.linear) == ("rounded", "sequential", "exact")
    return tuple(figure for figure, drawn in zip(figures, (term_by_term, counted), strict=True) if drawn)


def first_layer_stages(program: Program, tokens: NDArray[Any], output: int = 0, name: str = "pixels") -> list[Snapshot]:
    """Token, weights, products and sums before and after, of the first contraction's output, for the fullest token.

    Of wide tokens the first channels only. `tokens` [..., width] are what the contraction reads, called `name`.
    """
    held = program.constants
    node = next(n for n in program.nodes if isinstance(n, Contract) and n.operands[1].number in held)
    fmt, wide = node.operands[0].float_format, node.result.float_format
    flat = tokens.reshape(-1, tokens.shape[-1])
    token = np.ascontiguousarray(flat[np.argmax(np.count_nonzero(flat, axis=1))][:_CHANNELS])
    row = np.ascontiguousarray(program.constants[node.operands[1].number][output][:_CHANNELS])
    executor = executor_named("bitsliced")
    multiply, add = circuit("mul", fmt, to=wide), circuit("add", wide)
    products = executor.invoke(multiply, [token, row])
    sums = [products[:1]]
    for k in range(1, len(products)):
        sums.append(executor.invoke(add, [sums[-1], products[k : k + 1]]))
    after = np.concatenate(sums)
    before = np.concatenate([np.zeros(1, after.dtype), after[:-1]])  # nothing was added to the first product
    # As soon as may be: operands enter together, a product leaves the multiplier, sums wait for one another.
    start = np.zeros(len(token), np.int64)
    left = start + multiply.depth
    summed = left + add.depth * np.arange(len(token))
    return [
        Snapshot(name, token, fmt, start),
        Snapshot("weights", row, fmt, start),
        Snapshot("products", products, wide, left),
        Snapshot("sum before", before, wide, np.concatenate([left[:1], summed[:-1]])),
        Snapshot("sum after", after, wide, summed),
    ]
