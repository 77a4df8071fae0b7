import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from lava_nexus import NexusError
from lava_nexus.execute.populations import run_populations
from lava_nexus.populations.catalogue import gelu, silu
from lava_nexus.populations.chords import chord_table
from lava_nexus.populations.normalisation import layer_norm, rms_norm, softmax
from lava_nexus.populations.operator import Options
from lava_nexus.populations.vectoring import Tree, golden_norm


def exact_softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def exact_rms(x):
    return x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5)


def exact_layer_norm(x):
    return (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)


def corners(op, rows=3):
    """Zeros, ones, extremes of the format, and a ramp."""
    f = op.in_format
    found = [np.full(op.size, v) for v in (0, 1, -1, f.min, f.max, 1 << op.in_fraction)]
    found.append(np.where(np.arange(op.size) % 2, f.max, f.min))
    found.append(np.arange(op.size) - op.size // 2)
    rng = np.random.default_rng(5)
    found += [rng.integers(f.min, f.max + 1, op.size) >> s for s in range(0, 16, 3) for _ in range(rows)]
    return np.array(found, np.int64)


OPERATORS = [
    (silu, 1, Options()),
    (silu, 1, Options(bound=8, segments=16, grid_bits=4, slope_bits=16)),
    (gelu, 1, Options(grid_bits=12, intercept_bits=8)),
    (softmax, 1, Options()),
    (softmax, 5, Options()),
    (softmax, 16, Options(single_ladder=False, bound=3)),
    (rms_norm, 1, Options()),
    (rms_norm, 6, Options()),
    (rms_norm, 33, Options(grid_bits=12, steps=5, last_inclusive=True)),
    (rms_norm, 100, Options()),
    (layer_norm, 1, Options()),
    (layer_norm, 6, Options()),
    (layer_norm, 16, Options(in_fraction=8)),
]


@pytest.mark.parametrize(("make", "size", "options"), OPERATORS)
def test_neurons_equal_the_integer_program(make, size, options):
    op = make(size, options)
    x = corners(op)
    if make is layer_norm:
        x = np.clip(x, -(1 << 15), 1 << 15)
    result = run_populations(op.network, {"x": x})
    assert (result.outputs["y"] == op.golden(x)).all()
    assert op.network.wave
    op.out_format.to_patterns(op.golden(x))  # no result leaves its format


@pytest.mark.parametrize(
    ("make", "exact", "size", "limit"),
    [
        (silu, lambda x: x / (1 + np.exp(-x)), 1, 0.006),
        (gelu, lambda x: x * (1 + erf(x / math.sqrt(2))) / 2, 1, 0.007),
        (softmax, exact_softmax, 8, 0.006),
        (softmax, exact_softmax, 64, 0.006),
        (rms_norm, exact_rms, 8, 0.008),
        (rms_norm, exact_rms, 64, 0.007),
        (layer_norm, exact_layer_norm, 8, 0.012),
        (layer_norm, exact_layer_norm, 48, 0.007),
    ],
)
def test_error_against_the_exact_function(make, exact, size, limit):
    op = make(size, Options())
    rng = np.random.default_rng(3)
    x = rng.uniform(-5, 5, (2000, 1)) if size == 1 else rng.normal(size=(500, size)) * (4 if make is softmax else 1)
    y = op.golden(np.round(x * 2**op.in_fraction).astype(np.int64)) / 256
    assert np.abs(y - exact(x)).max() <= limit


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(2**21), 2**21 - 1), min_size=4, max_size=4))
def test_softmax_of_any_row_sums_to_at_most_one_and_keeps_the_order(row):
    op = softmax(4, Options())
    y = op.golden(np.array([row]))[0]
    assert y.min() >= 0 and y.sum() <= 260
    real = np.array(row) >= 64 - 2**21
    order = np.argsort(np.array(row)[real], kind="stable")
    assert (np.diff(y[real][order]) >= 0).all()


def test_masked_elements_give_zero_and_a_masked_row_gives_zeros():
    op = softmax(4, Options())
    least = op.in_format.min
    x = np.array([[least] * 4, [least, 0, 0, least], [5, least, least, least]])
    for y in (op.golden(x), run_populations(op.network, {"x": x}).outputs["y"]):
        assert y.tolist() == [[0] * 4, [0, 128, 128, 0], [256, 0, 0, 0]]


def test_dimension_one_and_zeros():
    assert softmax(1, Options()).golden(np.array([[-700]])).tolist() == [[256]]
    assert rms_norm(1, Options(), eps=0.0).golden(np.array([[9000], [-9000], [0]])).tolist() == [[256], [-257], [0]]
    assert layer_norm(1, Options()).golden(np.array([[9000], [0]])).tolist() == [[0], [0]]
    assert not rms_norm(5, Options(), eps=0.0).golden(np.zeros((1, 5), np.int64)).any()


def test_beyond_the_bound_silu_is_zero_below_and_the_operand_above():
    op = silu(1, Options())
    x = np.array([[-5121], [5121], [60 * 1024 + 3], [-60 * 1024]])
    for y in (op.golden(x), run_populations(op.network, {"x": x}).outputs["y"]):
        assert y.ravel().tolist() == [0, 5121 >> 2, 60 * 256, 0]


def test_the_chords_pass_through_the_function_at_the_edges_and_are_clamped():
    table = chord_table(np.exp, -5, 5, 64, 10, 14, 16, 16)
    edges = np.append(table.edges, table.length)
    assert np.abs(table(edges + 1) / 2**14 / np.exp(-5 + edges / 1024) - 1)[1:-1].max() < 3e-3
    assert table(np.array([0, -3])).tolist() == [0, 0]
    assert table(np.array([table.length + 1]))[0] == table(np.array([10**6]))[0]


@pytest.mark.parametrize("inclusive", [False, True])
def test_the_norm_is_within_its_bound_of_the_exact_one(inclusive):
    rng = np.random.default_rng(0)
    for size in (1, 2, 5, 32):
        tree = Tree(size, 8, inclusive)
        x = rng.integers(0, 1 << 18, (400, size))
        error = np.abs(golden_norm(x, tree) / (tree.gain * np.linalg.norm(x, axis=1)) - 1)
        per_pair = 2.0 ** (-2 * 8 - 1 if inclusive else -2 * 7 - 1)
        assert error.max() <= tree.levels * per_pair + 2e-4


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: softmax(0, Options()), "softmax of 0 elements is outside 1..4096"),
        (lambda: rms_norm(0, Options()), "normalisation of 0 elements is outside 1..4096"),
        (lambda: rms_norm(4, Options(), eps=-1), "eps -1 of a normalisation is outside 0..1"),
        (lambda: Options(grid_bits=13), "option grid_bits of an operator is 13, must be 4..12"),
        (lambda: Options(bound=40), "option bound of an operator is 40, must be 0.5..12"),
        (lambda: silu(1, Options(segments=0)), "table of 0 chords is outside 1..1024"),
        (lambda: silu(1, Options(slope_bits=7)), "table of 7-bit slopes"),
        (lambda: Tree(4, 40), "norm of 40 CORDIC steps is outside 1..16"),
        (lambda: Tree(0), "norm of 0 values is below 1"),
    ],
)
def test_a_wrong_option_is_one_sentence(make, sentence):
    with pytest.raises(NexusError, match=sentence):
        make()
