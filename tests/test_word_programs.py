"""The tools that make word programs: cells of look-ups against the golden functions, and proofs that can fail."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.circuits.functions.integers import Product
from lava_nexus.formats import FLOAT8_E4M3FN, FloatFormat
from lava_nexus.lowering.luts import N_CONSTANTS
from lava_nexus.neurons import Signal

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from word_programs import values
from words.cells import Looks, drawn, graph_of
from words.proof import integer
from words.tables import Tables


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


@pytest.mark.parametrize("sign, signed, width", [(1, False, 30), (-1, True, 26)])
def test_products_without_their_low_columns_lack_just_those(sign: int, signed: bool, width: int) -> None:
    cells = Looks(41)
    a, b = ([Signal(N_CONSTANTS + i) for i in range(start, end)] for start, end in ((0, 20), (20, 41)))
    ands = Tables(cells)._cells(Product(a, b, -13, sign, signed), width)
    expected = {
        (q, p): (-sign if signed and i == 19 else sign) * (1 << (i + j - 13)) % (1 << width)
        for i, p in enumerate(a)
        for j, q in enumerate(b)
        if 13 <= i + j < width + 13
    }
    assert integer(cells.graph, [int(bit) for bit in cells.sum_bits(ands, width)], width) == expected


def test_tables_are_looked_up() -> None:
    """Segments of unlike lengths and a gap, in which every column is 0."""
    cells = Looks(6)
    starts, free, column = [0, 8, 16, 40], [3, 2, 4, 3], [5, 7, 1, 6]
    index = [Signal(N_CONSTANTS + i) for i in range(6)]
    (word,), place = Tables(cells).lookup(index, starts, free, [column], [3], 4)
    one = drawn("neg", FLOAT8_E4M3FN)
    graph = graph_of(replace(one, basis=cells), [*word, *place])
    planes = [np.array([sum((m >> i & 1) << m for m in range(64))], np.uint64) for i in range(6)]
    found = values(graph, np.array(planes))[graph.outputs]
    for m in range(64):
        bits = [int(plane[0]) >> m & 1 for plane in found]
        inside = [
            s for s, (start, bits_) in enumerate(zip(starts, free, strict=True)) if start <= m < start + (1 << bits_)
        ]
        expected = (column[inside[0]], m % (1 << free[inside[0]])) if inside else (0, m % 4)
        assert (
            sum(bit << i for i, bit in enumerate(bits[:3])),
            sum(bit << i for i, bit in enumerate(bits[3:])),
        ) == expected
