"""A few cells as a network of their own, evaluated from the definition of its arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from lava_nexus.circuits.cells import BASES, Basis, Word, basis_named
from lava_nexus.neurons import STROBE, ThresholdNetwork, check
from tests.evaluate import evaluate

Bits = NDArray[np.bool_]
Cells = Callable[[Basis, Word], Sequence[Any]]
# "threshold", "threshold depth", "nexus", ...: every basis in every style
NAMES = [name if style == "neurons" else f"{name} {style}" for name, styles in BASES.items() for style in styles]


def network_of(
    basis: str, cells: Callable[[Basis, Word], Sequence[Any]], width: int, **options: Any
) -> ThresholdNetwork:
    """The network of `cells`, a function of an input word; it must obey the hardware rules."""
    name, _, style = basis.partition(" ")
    cell_basis = BASES[name]["neurons"](**options) if options else basis_named(name, style or "neurons")
    word = cell_basis.input("x", width=width)
    network = cell_basis.finish("out", list(cells(cell_basis, word)), None, 62)
    check(network)
    return network


def answers(basis: str, cells: Cells, vectors: Bits, **options: Any) -> NDArray[Any]:
    """The output word of every input vector, bool [sets, bits] with the LSB first, as Python integers."""
    network = network_of(basis, cells, vectors.shape[1], **options)
    inputs = np.zeros((len(vectors), network.n_inputs), dtype=np.bool_)
    inputs[:, STROBE] = True
    inputs[:, 1:] = vectors[:, ::-1]
    spikes = evaluate(network, inputs)[:, list(network.outputs[0].signals)]
    return integers(spikes[:, ::-1])


def every_vector(width: int) -> Bits:
    """bool [2^width, width]: all words, LSB first; row k spells k."""
    return np.asarray(np.arange(1 << width)[:, None] >> np.arange(width) & 1, dtype=np.bool_)


def random_vectors(width: int, sets: int, seed: int = 0) -> Bits:
    """Words of evenly drawn bits, words of few ones, words of few zeros, the empty and the full one."""
    rng = np.random.default_rng(seed)
    share = rng.choice([0.5, 0.5, 0.1, 0.9, 0.02, 0.98], (sets, 1))
    vectors = rng.random((sets, width)) < share
    vectors[0], vectors[-1] = False, True
    return vectors


def integers(vectors: Bits) -> NDArray[Any]:
    """Words, LSB first, as exact Python integers."""
    return np.array([sum(1 << i for i in np.flatnonzero(row).tolist()) for row in vectors], dtype=object)


def word_at(vectors: Bits, start: int, width: int) -> NDArray[Any]:
    """Columns start .. start + width - 1 as Python integers."""
    return integers(vectors[:, start : start + width])


def cell_neurons(network: ThresholdNetwork) -> int:
    """Neurons of the cells themselves."""
    return network.neurons - network.relays


bases = st.sampled_from(NAMES)
