"""What the rows of the energy table run: gates and operations as circuits, layers at the paper's sizes as programs.

A gate is a cell of a basis as a circuit of its own; a program computes one token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.programs import Program, Value, Writer, linear, residual, rms_norm, softmax
from lava_nexus.programs.layers import layer_norm, rotary_angles, rotate
from lava_nexus.programs.transformer import mix

GATES = ("and", "not", "xor", "mux", "full_adder")
"""Cells of a basis, each a circuit of its own: see `logic_circuit`."""

OPERATIONS = (
    *("add", "mul", "div", "reciprocal", "sqrt"),
    *("exp", "exp2", "log", "sigmoid", "tanh", "sin", "silu", "gelu"),
)
EPS = 1e-6


@dataclass(frozen=True)
class Sizes:
    """Of the block: the paper's, or small ones for a trial."""

    width: int = 256
    heads: int = 4
    context: int = 256
    inner: int = 1024
    linear: int = 1  # what the sides of the lone linear layers are divided by

    @property
    def head_width(self) -> int:
        """Width of one head."""
        return self.width // self.heads

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the block's projections and attention products, one token."""
        return 4 * self.width**2 + 2 * self.width * self.context + 2 * self.width * self.inner


SMALL = Sizes(width=8, heads=2, context=4, inner=16, linear=16)


class Parts:
    """Writes parts of the block; weights are constants from N(0, 1 / inputs), operands inputs from N(0, 1).

    Attributes:
        w: where nodes go.
        sizes: of the block.
        rng: of the weights.
    """

    def __init__(self, w: Writer, sizes: Sizes, rng: np.random.Generator) -> None:
        self.w, self.sizes, self.rng = w, sizes, rng

    def input(self, name: str, *shape: int) -> Value:
        """An input of the program."""
        return self.w.program.input(name, shape, self.w.format)

    def weight(self, *shape: int) -> Value:
        """A constant."""
        return self.w.constant((self.rng.standard_normal(shape) * shape[-1] ** -0.5).astype(np.float32))

    def ones(self, *shape: int) -> Value:
        """Weights of a norm."""
        return self.w.constant(np.ones(shape, np.float32))

    def project(self, name: str, x: Value, outputs: int) -> Value:
        """A linear layer without bias."""
        return linear(self.w.inside(name), x, self.weight(outputs, x.shape[-1]))

    def heads(self, x: Value) -> Value:
        """[1, width] to [heads, 1, width / heads]."""
        s = self.sizes
        return self.w.reshape(x, s.heads, 1, s.head_width)

    def rotated(self, name: str, x: Value) -> Value:
        """RoPE at one position."""
        inner = self.w.inside(name)
        pairs = self.sizes.head_width // 2
        frequencies = inner.constant((10000.0 ** -(np.arange(pairs) / pairs)).astype(np.float32))
        position = inner.constant(np.full((1, 1), self.sizes.context - 1, np.float32))
        return rotate(inner, x, *rotary_angles(inner, position, frequencies))

    def attention(self, x: Value) -> Value:
        """A token against a context of keys and values that are held already; its own are projected too."""
        s = self.sizes
        query, key, _ = (self.heads(self.project(name, x, s.width)) for name in ("query", "key", "value"))
        query, _ = self.rotated("query_rotary", query), self.rotated("key_rotary", key)
        keys, values = (self.input(name, s.heads, s.context, s.head_width) for name in ("keys", "values"))
        mixed = mix(self.w, query, keys, values, s.head_width**-0.5)
        return self.project("output", self.w.reshape(mixed, 1, s.width), s.width)

    def feed_forward(self, x: Value) -> Value:
        """Up, SiLU, down: no gate."""
        up = self.project("up", x, self.sizes.inner)
        return self.project("down", self.w.inside("silu").of_kind("activation").apply("silu", up), self.sizes.width)

    def block(self, x: Value) -> Value:
        """Both, each behind a norm and a residual."""
        w, width = self.w, self.sizes.width
        h = residual(w.inside("first"), x, self.attention(rms_norm(w.inside("norm1"), x, self.ones(width), EPS)))
        return residual(w.inside("second"), h, self.feed_forward(rms_norm(w.inside("norm2"), h, self.ones(width), EPS)))


Write = Callable[[Parts], Value]


def _linear(size: int) -> Write:
    def write(p: Parts) -> Value:
        side = size // p.sizes.linear
        return p.project("linear", p.input("x", 1, side), side)

    return write


def _token(p: Parts) -> Value:
    return p.input("x", 1, p.sizes.width)


def _qkv(p: Parts) -> Value:
    return p.project("qkv", _token(p), 3 * p.sizes.width)


def _scores(p: Parts) -> Value:
    s = p.sizes
    query, keys = p.input("query", s.heads, 1, s.head_width), p.input("keys", s.heads, s.context, s.head_width)
    return p.w.inside("scores").of_kind("attention").contract(query, keys)


def _softmax(p: Parts) -> Value:
    return softmax(p.w.inside("softmax"), p.input("x", p.sizes.heads, 1, p.sizes.context))


def _rope(p: Parts) -> Value:
    query, key = (p.heads(p.input(name, 1, p.sizes.width)) for name in ("query", "key"))
    return p.w.concatenate([p.rotated("query", query), p.rotated("key", key)], -1)


def _layer_norm(p: Parts) -> Value:
    width = p.sizes.width
    return layer_norm(p.w.inside("norm"), _token(p), p.ones(width), p.w.constant(np.zeros(width, np.float32)), EPS)


PROGRAMS: Mapping[str, Write] = {
    "rms_norm": lambda p: rms_norm(p.w.inside("norm"), _token(p), p.ones(p.sizes.width), EPS),
    "layer_norm": _layer_norm,
    "linear_64": _linear(64),
    "linear_256": _linear(256),
    "linear_512": _linear(512),
    "qkv": _qkv,
    "scores": _scores,
    "softmax": _softmax,
    "rope": _rope,
    "output": lambda p: p.project("output", _token(p), p.sizes.width),
    "attention": lambda p: p.attention(_token(p)),
    "up": lambda p: p.project("up", _token(p), p.sizes.inner),
    "ffn_silu": lambda p: p.w.inside("silu").of_kind("activation").apply("silu", p.input("x", 1, p.sizes.inner)),
    "down": lambda p: p.project("down", p.input("x", 1, p.sizes.inner), p.sizes.width),
    "feed_forward": lambda p: p.feed_forward(_token(p)),
    "block": lambda p: p.block(_token(p)),
}
PER_ELEMENT = frozenset({"rms_norm", "layer_norm"})
"""Rows that count an element of the width, not a token."""

NO_NEURONS = {
    "embedding": "a lookup reads stored bits: no neuron computes, and the host or a table of synapses sends them"
}
"""Rows that run nothing, and why."""

SUBJECTS = (*GATES, *OPERATIONS, *PROGRAMS, *NO_NEURONS)


def build_program(name: str, w: Writer, sizes: Sizes, seed: int) -> Program:
    """The program of a row, with one output."""
    y = PROGRAMS[name](Parts(w, sizes, np.random.default_rng([seed, len(name)])))
    w.program.outputs["y"] = y
    return w.program


def random_feeds(program: Program, sets: int, seed: int) -> dict[str, NDArray[np.generic]]:
    """Patterns of N(0, 1) for every input, batch first, rounded to the input's format."""
    rng = np.random.default_rng(seed)
    feeds = {}
    for name, value in program.inputs.items():
        drawn = rng.standard_normal((sets, *value.shape)).astype(np.float32)
        feeds[name] = value.format.to_patterns(drawn.astype(value.format.dtype))
    return feeds
