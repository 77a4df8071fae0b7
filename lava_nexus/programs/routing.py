"""Mixtures of experts: a router's softmax, the largest k of its answers by comparators, and the experts' weighted sum.

    share_e = p_e [fewer than k others beat p_e],   y = sum over e of share_e * feed_forward_e(x [e is chosen])

Expert j beats i where p_j > p_i, or where they are equal and j < i: of equal answers the first one is taken. (PyTorch
promises no order among equals, and its processor and GPU kernels take different ones.) The experts that are not chosen
are fed zeros, so that their neurons are silent where silence stands for zero; a program computes all of them, because
its shape does not depend on numbers. Sources: Shazeer et al., 2017, arXiv 1701.06538; Jiang et al., 2024, arXiv
2401.04088.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.catalogue import source_key
from lava_nexus.circuits.cells import basis_named
from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.disk_cache import cached
from lava_nexus.formats import FLOAT32, FloatFormat
from lava_nexus.neurons import LOIHI2, ThresholdNetwork
from lava_nexus.neurons.built import Computed
from lava_nexus.neurons.serialisation import from_arrays, to_arrays
from lava_nexus.programs.layers import Weights, feed_forward, projection, softmax, widened
from lava_nexus.programs.program import Value
from lava_nexus.programs.writer import Writer


@dataclass(frozen=True)
class Routing:
    """How a mixture chooses.

    Attributes:
        experts: how many there are.
        chosen: k, how many a token takes.
        normed: whether the shares of those are divided by their sum.
    """

    experts: int
    chosen: int
    normed: bool = True


@cache
def comparator(name: str, fmt: FloatFormat, basis: str, style: str = "neurons") -> Circuit:
    """A comparison ("compare_lt", "compare_le") whose spike is the number 1, its silence 0: FP32, by wires alone."""
    operation, one = OPERATIONS[name], int(FLOAT32.to_patterns(np.float32(1)))

    def network() -> ThresholdNetwork:
        cells = basis_named(basis, style)
        words = [cells.input(port, of) for port, of in operation.inputs(fmt, fmt)]
        bit = cells.real(operation.build(cells, words, fmt, fmt)[0])
        word = [bit if one >> place & 1 else cells.zero for place in range(FLOAT32.bits)]
        return cells.finish("out", word, FLOAT32, LOIHI2.max_delay)

    compare = operation.golden(fmt, fmt)

    def golden(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.where(compare(a, b), one, 0).astype(FLOAT32.pattern_dtype)

    key = f"comparator {name} {fmt!r} {basis} {style} {source_key()}"
    made = cached("circuits", key, network, to_arrays, from_arrays)
    return Circuit(f"{name} as a number", basis, made, Computed(golden, "hardware"))


def top_k(w: Writer, x: Value, k: int) -> Value:
    """1 for the k largest of the last axis, the first ones of equals, and 0 for the others, in the format of x.

    Where k is all of them, or fewer are numbers, all or more are taken: NaN is beaten by none.
    """
    count, wide = x.shape[-1], replace(w, format=FLOAT32, accumulate="sequential", accumulate_format=None)
    strict, loose = (comparator(name, x.float_format, w.basis, w.style) for name in ("compare_lt", "compare_le"))
    below = comparator("compare_lt", FLOAT32, w.basis, w.style)
    found = []
    for i in range(count):
        mine, beaten = w.take(x, -1, i, i + 1), []
        if i:
            beaten.append(w.program.apply(loose, mine, w.take(x, -1, 0, i), layer=w.layer))
        if i + 1 < count:
            beaten.append(w.program.apply(strict, mine, w.take(x, -1, i + 1, count), layer=w.layer))
        if not beaten:
            return w.program.apply(loose, mine, mine, layer=w.layer)
        rank = wide.reduce("add", wide.concatenate(beaten, -1))
        found.append(wide.reshape(rank, *rank.shape, 1))
    ranks = wide.concatenate(found, -1)
    chosen = w.program.apply(below, ranks, wide.constant(float(k)), layer=w.layer)
    return replace(w, format=x.float_format).converted(chosen)


def mixture(w: Writer, x: Value, weights: Weights, activation: str, routing: Routing) -> Value:
    """The weighted sum of the experts that each token's router chooses, in the order of the experts.

    Shapes: x [tokens, width]; weights `router.weight` [experts, width] and `expert 0.gate.weight`, ... of each expert.
    """
    inner = widened(w.inside("routing").of_kind("router"))
    logits = inner.converted(projection(w, x, weights, "router"))
    likely = softmax(inner.inside("softmax"), logits)
    chosen = top_k(inner.inside("top_k"), likely, routing.chosen)
    shares = inner.apply("mul", likely, chosen)
    if routing.normed:
        total = inner.reduce("add", shares)
        shares = inner.apply("div", shares, inner.reshape(total, *total.shape, 1))
    shares, chosen = (replace(inner, format=w.format).converted(value) for value in (shares, chosen))
    found: Value | None = None
    for number in range(routing.experts):
        one = w.inside(f"expert{number}")
        start = f"expert {number}."
        own = {role.removeprefix(start): value for role, value in weights.items() if role.startswith(start)}
        fed = one.inside("gate_in").of_kind("router").apply("mul", x, w.take(chosen, -1, number, number + 1))
        y = feed_forward(one, fed, own, activation)
        y = one.inside("share").of_kind("router").apply("mul", y, w.take(shares, -1, number, number + 1))
        found = y if found is None else w.inside("sum").of_kind("router").apply("add", found, y)
    assert found is not None
    return found
