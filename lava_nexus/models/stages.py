"""The stages of a forward pass by shape alone: what each reads and leaves, its tensors, and what it writes.

    embedding, rotary, layer 0 .. layer n - 1, then pooler, or final norm or head transform, then the head in blocks
    (of images: embedding, layers, final norm, then pooler or head)

A stage is a program to be: with tensors its weights are constants of it, without them inputs. Whoever runs a model,
keeps its steps, lists its circuits or places them on a chip walks these stages, and nothing else says what a pass is.

The host looks up rows of the tables (words, positions, token types) by token id and feeds them in as patterns; it feeds
positions and pixels too, and keeps keys and values. All else is circuits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT32
from lava_nexus.models.rope import Rope
from lava_nexus.models.spec import Images, ModelSpec, Tensors
from lava_nexus.models.stage import Arithmetic as Arithmetic
from lava_nexus.models.stage import Read, Values, Write
from lava_nexus.models.stage import Stage as Stage
from lava_nexus.models.stage import program_of as program_of
from lava_nexus.programs import Value, Writer, linear
from lava_nexus.programs.excerpt import Excerpt, Span
from lava_nexus.programs.layers import ACTIVATIONS, capped, projection, residual, rotary_angles
from lava_nexus.programs.transformer import LayerState, norm, transformer_layer

HEAD_BLOCK = 1 << 24
"""Weights of the head that are in memory at a time."""

Logits = Literal["all", "last", "none"]


def forward_stages(
    spec: ModelSpec,
    tokens: int,
    past: int = 0,
    *,
    layers: tuple[int, int] | None = None,
    logits: Logits = "all",
    keep: bool = False,
    block: int = HEAD_BLOCK,
) -> list[Stage]:
    """A forward pass over tokens computed together, in the order in which it runs.

    The stream begins with `words` (and `token types` and `positions`, rows of their tables) and `position numbers`. It
    then holds `hidden`, `cos` and `sin` (`cos 1` and `sin 1` of a second kind of RoPE), `key 3` and `value 3` of
    layer 3 where they are kept, `pooled`, `features` (what the head reads) and `logits`.

    Args:
        spec: the model.
        tokens: how many.
        past: earlier tokens whose keys and values are held.
        layers: first, and behind the last; nothing that follows the layers runs unless the last one is among them.
        logits: of all tokens, of the last one, or none.
        keep: whether keys and values of these tokens are handed out.
        block: most weights of the head in one stage.

    Raises:
        NexusError: logits of other tokens.
    """
    if logits not in get_args(Logits):
        raise NexusError(f"logits {logits!r} is not one of {', '.join(get_args(Logits))}")
    first, behind = layers or (0, spec.layers)
    stages = [_embedding(spec, tokens), *_rotary(spec, tokens, past)]
    stages += [_layer(spec, layer, tokens, past, keep) for layer in range(first, behind)]
    if behind < spec.layers:
        return stages
    if spec.images is not None:
        stages.append(_features(spec, tokens))
        stages += [_pooler(spec, tokens, "features")] if spec.pooler else []
        return stages + (_head(spec, "features", tokens, block) if spec.head and logits != "none" else [])
    if spec.pooler:
        stages.append(_pooler(spec, tokens, "hidden"))
    if spec.head is None and "final_norm.weight" in spec.ending_tensors:
        return [*stages, _features(spec, tokens)]
    if spec.head is None or logits == "none":
        return stages
    if spec.head.pooled:
        return [*stages, *_head(spec, "pooled", 1, block)]
    read = 1 if logits == "last" else tokens
    return [*stages, _features(spec, read), *_head(spec, "features", read, block)]


def _embedding(spec: ModelSpec, tokens: int) -> Stage:
    """Rows of the tables to the hidden state: scale * words, or norm((words + token types) + positions)."""
    rows, held = (tokens, spec.width), spec.architecture.embeddings
    if spec.images is not None:
        return _patches(spec, spec.images)
    if "positions" not in held and spec.embedding_scale == 1.0:
        return Stage("embedding", "embedding", {"hidden": Read("words", rows)}, {"hidden": "hidden"})
    tables = {key: key.replace("_", " ") for key in ("words", "token_types", "positions") if key in held}
    tensors = _of(spec.embedding_tensors, "embedding_norm")

    def write(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
        h = x["words"]
        if spec.embedding_scale != 1.0:
            inner = w.inside("embedding").of_kind("embedding")
            h = inner.apply("mul", h, inner.constant(spec.embedding_scale))
        for name in list(tables)[1:]:
            h = residual(w.inside(name), h, x[name])
        return {"hidden": norm(w, h, weights, spec.shape, "embedding_norm") if tensors else h}

    reads = {key: Read(name, rows) for key, name in tables.items()}
    return Stage("embedding", "embedding", reads, {"hidden": "hidden"}, write, tensors)


def _patches(spec: ModelSpec, images: Images) -> Stage:
    """Class token and patches, each patch's numbers through one linear layer, and their positions.

    Source: Dosovitskiy et al., 2021, arXiv 2010.11929.
    """
    (rows, columns), (height, width), channels = images.grid, images.patch, images.channels

    def write(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
        inner = w.inside("patches")
        y = inner.take(inner.take(x["pixels"], -2, 0, rows * height), -1, 0, columns * width)
        y = inner.transpose(inner.reshape(y, channels, rows, height, columns, width), -4, -2, -5, -3, -1)
        y = projection(w, inner.reshape(y, rows * columns, images.numbers), weights, "patches")
        return {"hidden": residual(w.inside("positions"), w.concatenate((x["class"], y), -2), x["positions"])}

    reads = {
        "pixels": Read("pixels", (channels, *images.size)),
        "class": Read("class token", (1, spec.width)),
        "positions": Read("positions", (images.tokens, spec.width)),
    }
    return Stage("embedding", "embedding", reads, {"hidden": "hidden"}, write, _of(spec.embedding_tensors, "patches"))


def _rotary(spec: ModelSpec, tokens: int, past: int) -> list[Stage]:
    """Positions to cos and sin: angles and both functions in FP32, then rounded to the format of RoPE's sums."""

    def of(rope: Rope) -> Write:
        def write(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
            wide = replace(w, format=FLOAT32).inside("rotary")
            angles = rotary_angles(wide, x["positions"], wide.constant(rope.at(past + tokens)))
            if rope.scale != 1.0:
                cos, sin = (wide.apply("mul", angle, wide.constant(rope.scale)) for angle in angles)
                angles = cos, sin
            inner = replace(w, format=w.norm_format or w.format).inside("rotary")
            return dict(zip(("cos", "sin"), map(inner.converted, angles), strict=True))

        return write

    reads = {"positions": Read("position numbers", (tokens, 1), FLOAT32)}
    return [
        Stage("embedding", "rotary", reads, {name: _of_kind(name, number) for name in ("cos", "sin")}, of(rope))
        for number, rope in enumerate(spec.ropes)
    ]


def _of_kind(name: str, number: int) -> str:
    return f"{name} {number}" if number else name


def _layer(spec: ModelSpec, layer: int, tokens: int, past: int, keep: bool) -> Stage:
    """One layer; of earlier keys those that its window sees."""
    shape = spec.layer_shape(layer)
    held = past if shape.window is None else min(past, shape.window - 1)
    reads = {"hidden": Read("hidden", (tokens, spec.width))}
    if (number := spec.rope_of[layer]) is not None:
        turned = (tokens, spec.ropes[number].frequencies.size)
        reads |= {name: Read(_of_kind(name, number), turned, inner=True) for name in ("cos", "sin")}
    if held:
        cached = (shape.kv_heads, held, shape.head_dim)
        reads |= {name: Read(f"{name} {layer}", cached) for name in ("key", "value")}
    leaves = {"hidden": "hidden"} | ({f"new_{n}": f"{n} {layer}" for n in ("key", "value")} if keep else {})

    def write(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
        rotary = (x["cos"], x["sin"]) if "cos" in x else None
        state = LayerState(x["key"], x["value"]) if held else None
        inner = w.inside(f"block{layer}")
        hidden, state = transformer_layer(inner, x["hidden"], weights, shape, rotary, state)
        if not keep:
            return {"hidden": hidden}
        new = {"new_key": state.key, "new_value": state.value}
        w = inner.inside("attention")
        return {"hidden": hidden, **{name: w.take(value, -2, held, held + tokens) for name, value in new.items()}}

    step, scope, alike = f"layer {layer}", f"block{layer}", ("layer", shape, tokens, held, keep)
    return Stage(step, step, reads, leaves, write, spec.layer_tensors(layer), alike=alike, scope=scope)


def _pooler(spec: ModelSpec, tokens: int, reads: str) -> Stage:
    """tanh(first token weight^T + bias), [1, width]; some heads have another activation."""
    activation = spec.head.pooler_activation if spec.head is not None and spec.head.pooler else "tanh"

    def write(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
        inner = w.inside("pooler")
        first = linear(inner, inner.take(x["hidden"], -2, 0, 1), weights["pooler.weight"], weights["pooler.bias"])
        return {"pooled": ACTIVATIONS[activation](w.inside("pooler.activation").of_kind("activation"), first)}

    fed = {"hidden": Read(reads, (tokens, spec.width))}
    return Stage("pooler", "pooler", fed, {"pooled": "pooled"}, write, _of(spec.ending_tensors, "pooler"))


def _features(spec: ModelSpec, tokens: int) -> Stage:
    """What the head reads: behind the final norm, or norm(activation(hidden weight^T + bias)), or the hidden state."""
    reads, leaves = {"hidden": Read("hidden", (tokens, spec.width))}, {"hidden": "features"}
    final = _of(spec.ending_tensors, "final_norm")

    def transformed(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
        y = projection(w, x["hidden"], weights, "transform")
        y = ACTIVATIONS[spec.shape.activation](w.inside("transform.activation").of_kind("activation"), y)
        return {"hidden": norm(w, y, weights, spec.shape, "transform_norm")}

    def normed(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
        return {"hidden": norm(w, x["hidden"], weights, spec.shape, "final_norm")}

    if spec.transform_tensors:
        return Stage("head transform", "head transform", reads, leaves, transformed, spec.transform_tensors)
    return Stage("final norm", "final norm", reads, leaves, normed if final else None, final)


def _head(spec: ModelSpec, reads: str, tokens: int, block: int) -> list[Stage]:
    """Logits, a block of outputs after the other; of the first token alone where the head reads that."""
    alone = spec.head is not None and spec.head.first
    step = max(1, block // spec.width)
    blocks = [slice(start, min(start + step, spec.outputs)) for start in range(0, spec.outputs, step)]

    def of(rows: slice) -> Write:
        part = Excerpt(
            Span.all(1 if alone else tokens), Span(rows.start, rows.stop, spec.outputs), Span.all(spec.width)
        )

        def write(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
            bias = weights.get("head.bias")
            w = w.inside("head")
            hidden = w.take(x["hidden"], -2, 0, 1) if alone else x["hidden"]
            y = linear(w, hidden, weights["head.weight"], bias, part=part)
            y = y if spec.logits_divisor == 1.0 else w.apply("div", y, w.constant(spec.logits_divisor))
            return {"logits": y if spec.logits_cap is None else capped(w.inside("softcap"), y, spec.logits_cap)}

        return write

    fed, left = {"hidden": Read(reads, (tokens, spec.width))}, {"logits": "logits"}
    return [Stage("head", "head", fed, left, of(r), spec.head_tensors, r, parallel=r.start > 0) for r in blocks]


def _of(tensors: Tensors, start: str) -> Tensors:
    return {role: tensor for role, tensor in tensors.items() if role.startswith(start)}
