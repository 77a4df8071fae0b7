"""Small programs, and what is fed into them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import FloatFormat
from lava_nexus.programs import LayerShape, Program, Writer, linear, transformer_layer


def linear_program(fmt: FloatFormat, inputs: int = 8, outputs: int = 8, tokens: int = 1) -> Program:
    """x [tokens, inputs] to y."""
    rng = np.random.default_rng(0)
    w = Writer(Program("linear"), fmt)
    x = w.program.input("x", (tokens, inputs), fmt)
    weight = w.constant(rng.standard_normal((outputs, inputs)).astype(np.float32))
    w.program.outputs["y"] = linear(w.inside("linear"), x, weight)
    return w.program


def block_program(fmt: FloatFormat, width: int = 8, heads: int = 2, hidden: int = 16, tokens: int = 2) -> Program:
    """A pre-norm block, x [tokens, width] to y."""
    rng = np.random.default_rng(0)
    w = Writer(Program("block"), fmt)
    x = w.program.input("x", (tokens, width), fmt)

    def draw(*shape: int) -> Any:
        return w.constant((rng.standard_normal(shape) / math.sqrt(width)).astype(np.float32))

    sizes = {role: (width, width) for role in ("query", "key", "value", "output")}
    sizes |= {"gate": (hidden, width), "up": (hidden, width), "down": (width, hidden)}
    weights = {f"{role}.weight": draw(*size) for role, size in sizes.items()}
    weights |= {f"{role}.weight": draw(width) for role in ("attention_norm", "feed_forward_norm")}
    scale = float(np.float32(1 / math.sqrt(width / heads)))
    shape = LayerShape(heads, heads, width // heads, scale, "pre_norm", "rms", 1e-5, "silu", gated=True, causal=False)
    w.program.outputs["y"], _ = transformer_layer(w.inside("block0"), x, weights, shape)
    return w.program


def feeds(program: Program, sets: int = 1) -> dict[str, NDArray[Any]]:
    """N(0, 1) for every input."""
    rng = np.random.default_rng(1)
    return {
        name: v.format.to_patterns(rng.standard_normal((sets, *v.shape)).astype(np.float32).astype(v.format.dtype))
        for name, v in program.inputs.items()
    }


def shared(program: Program, folding: int) -> dict[str, int]:
    """ceil(invocations / folding) instances of each circuit."""
    count: dict[str, int] = {}
    for _, circuit, times in program.invocations():
        count[circuit.digest] = count.get(circuit.digest, 0) + times
    return {digest: -(-times // folding) for digest, times in count.items()}
