"""The tools that make word programs: cells of look-ups against the golden functions, and proofs that can fail."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.formats import FLOAT8_E4M3FN, FloatFormat
from lava_nexus.lowering.luts import N_CONSTANTS
from lava_nexus.neurons import Signal

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from word_programs import values
from words.cells import Looks, drawn, graph_of
from words.proof import integer


@pytest.mark.parametrize("name", ["add", "mul", "div", "compare_lt"])
def test_drawn_operations_are_the_golden_ones(name: str) -> None:
    fmt: FloatFormat = FLOAT8_E4M3FN
    graph = graph_of(drawn(name, fmt))
    sets = np.arange(1 << 16)
    planes = [np.packbits(sets >> i & 1, bitorder="little").view(np.uint64) for i in range(16)]
    found = values(graph, np.array(planes, np.uint64))[graph.outputs]
    bits = np.unpackbits(found.view(np.uint8), axis=1, bitorder="little").astype(np.uint8)
    words = sum(plane << i for i, plane in enumerate(bits))
    golden = circuit(name, fmt).golden(*((sets >> shift & 0xFF).astype(np.uint8) for shift in (0, 8)))
    assert np.array_equal(words, golden)


@pytest.mark.parametrize("x, y", [(24, 24), (11, 12)])
@pytest.mark.parametrize("recodes", [True, False])
def test_products_are_products(x: int, y: int, recodes: bool) -> None:
    """By algebra over all operands; with one bit inverted the polynomial is another."""
    cells = Looks(x + y, recodes)
    a, b = (range(N_CONSTANTS + start, N_CONSTANTS + end) for start, end in ((0, x), (x, x + y)))
    ands = [(cells.and_(Signal(p), Signal(q)), 1 << (i + j)) for i, p in enumerate(a) for j, q in enumerate(b)]
    word = [int(bit) for bit in cells.sum_bits(ands, x + y)]
    expected = {(q, p): 1 << (i + j) for i, p in enumerate(a) for j, q in enumerate(b)}
    assert integer(cells.graph, word, x + y) == expected
    word[-1] = int(cells.not_(Signal(word[-1])))
    assert integer(cells.graph, word, x + y) != expected
