"""Cells on words against Python's own integers: sums, comparisons, the conditional subtractor, the incrementer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_nexus.circuits.cells import Basis, Word, weighted
from tests.circuits.cells.bench import NAMES, answers, bases, every_vector, integers, random_vectors, word_at

small_weights = st.integers(-9, 9)
any_weights = st.one_of(
    small_weights, st.integers(-70, 70), st.integers(-5000, 5000), st.sampled_from((2**20, -(2**31)))
)
SHAPES = {"threshold": st.fixed_dictionaries({"tallest": st.integers(3, 7), "chain": st.integers(2, 8)})}


def as_bits(on: Basis, word: Word, kinds: list[int]) -> Word:
    """Each bit as it is, inverted, or mixed with its neighbour into a virtual one."""
    ways = [
        lambda i: word[i],
        lambda i: on.not_(word[i]),
        lambda i: on.xor(word[i], word[i - 1]),
        lambda i: on.mux(word[i // 2], word[i], word[i - 1]),
        lambda i: word[0],
    ]
    return [ways[kind](i) for i, kind in enumerate(kinds)]


def plain_bits(vectors: np.ndarray, kinds: list[int]) -> list[np.ndarray]:
    x = vectors.T.astype(object)
    ways = [
        lambda i: x[i],
        lambda i: 1 - x[i],
        lambda i: x[i] ^ x[i - 1],
        lambda i: np.where(vectors[:, i // 2], x[i], x[i - 1]),
        lambda i: x[0],
    ]
    return [ways[kind](i).astype(object) for i, kind in enumerate(kinds)]


@st.composite
def weighted_bits(draw: st.DrawFn, weights: st.SearchStrategy[int], most: int) -> tuple[list[int], list[int]]:
    """(how each bit is made, what it weighs)."""
    size = draw(st.integers(1, most))
    kinds = draw(st.lists(st.sampled_from((0, 0, 0, 1, 2, 3, 4)), min_size=size, max_size=size))
    return kinds, draw(st.lists(weights, min_size=size, max_size=size))


@given(bases, weighted_bits(any_weights, 20), any_weights, st.integers(1, 40), st.data())
@settings(max_examples=2 * settings().max_examples)
def test_sum_bits_is_the_sum_modulo_its_width(basis, bits, constant, width, data):
    kinds, weights = bits
    options = data.draw(SHAPES[basis]) if basis in SHAPES else {}
    vectors = random_vectors(len(kinds), 40)
    total = sum(w * bit for w, bit in zip(weights, plain_bits(vectors, kinds), strict=True)) + constant
    answer = answers(
        basis,
        lambda on, x: on.sum_bits([*zip(as_bits(on, x, kinds), weights, strict=True), (on.one, constant)], width),
        vectors,
        **options,
    )
    assert np.array_equal(answer, total % (1 << width))


@given(bases, weighted_bits(any_weights, 20), st.integers(-3, 3), st.data())
@settings(max_examples=2 * settings().max_examples)
def test_at_least_holds_at_and_around_every_sum_that_occurs(basis, bits, off, data):
    kinds, weights = bits
    options = data.draw(SHAPES[basis]) if basis in SHAPES else {}
    vectors = random_vectors(len(kinds), 40)
    total = sum(w * bit for w, bit in zip(weights, plain_bits(vectors, kinds), strict=True))
    threshold = int(data.draw(st.sampled_from(sorted(set(total.tolist()))))) + off
    answer = answers(
        basis,
        lambda on, x: [on.at_least(list(zip(as_bits(on, x, kinds), weights, strict=True)), threshold)],
        vectors,
        **options,
    )
    assert np.array_equal(answer, (total >= threshold).astype(int))


@pytest.mark.parametrize("basis", NAMES)
@pytest.mark.parametrize(
    "weights", [[1] * 12, [3, 5, 7, 11, 13, 17], [1, -2, 4, -8, 16, -32, 64], [100, 100, -37, 1, 1]]
)
def test_small_sums_on_all_inputs_and_all_thresholds(basis, weights):
    vectors = every_vector(len(weights))
    total = vectors.astype(int) @ np.array(weights)
    thresholds = range(int(total.min()) - 1, int(total.max()) + 2)

    def build(on: Basis, x: Word) -> Word:
        terms = list(zip(x, weights, strict=True))
        return [*(on.at_least(terms, t) for t in thresholds), *on.sum_bits(terms, 10)]

    expected = sum((total >= t).astype(object) << i for i, t in enumerate(thresholds))
    expected += (total % 1024).astype(object) << len(thresholds)
    assert np.array_equal(answers(basis, build, vectors), expected)


@pytest.mark.parametrize("basis", NAMES)
@pytest.mark.parametrize("count", [15, 31, 64, 127, 255, 256, 300, 513])
def test_a_column_of_any_height_is_counted(basis, count):
    vectors = random_vectors(count, 50)
    vectors = np.concatenate([vectors, np.tri(count, dtype=bool)[:: max(1, count // 60)]])
    width = count.bit_length()
    answer = answers(basis, lambda on, x: on.sum_bits([(bit, 1) for bit in x], width), vectors)
    assert np.array_equal(answer, vectors.sum(1))


@pytest.mark.parametrize("basis", NAMES)
@pytest.mark.parametrize("weight", [1, 31, 32, 33, 127, 128, 255, 1000])
def test_many_bits_of_one_weight_and_one_bit_many_times(basis, weight):
    vectors = random_vectors(40, 60)
    width = (41 * weight).bit_length() + 1
    total, first, second = vectors.sum(1), vectors[:, 0], vectors[:, 1]
    cases = [
        (lambda on, x: on.sum_bits([(bit, weight) for bit in x], width), total * weight),
        (lambda on, x: [on.at_least([(bit, weight) for bit in x], 20 * weight)], total >= 20),
        (lambda on, x: on.sum_bits([(x[0], weight)] * 4, width), first * 4 * weight),
        (lambda on, x: [on.at_least([(x[0], weight)] * 2 + [(x[1], -weight)], 2 * weight)], first & ~second),
        (lambda on, x: [on.at_least([(x[0], weight), (x[1], -weight)], -weight)], first | True),
        (lambda on, x: [on.at_least([(x[0], weight), (x[1], weight)], 2 * weight + 1)], first & False),
    ]
    for build, expected in cases:
        assert np.array_equal(answers(basis, build, vectors), expected.astype(int))


@pytest.mark.parametrize("basis", NAMES)
@pytest.mark.parametrize("bits", [7, 12])
def test_a_sum_that_the_caller_bounds_may_leave_out_what_never_occurs(basis, bits):
    """Lines of which one is 1 sum to at most the largest weight, whatever all of them together weigh."""
    lines = np.concatenate([np.eye(bits, dtype=bool), np.zeros((1, bits), dtype=bool)])
    weights = [3 * i + 1 for i in range(bits)]
    answer = answers(basis, lambda on, x: on.sum_bits(list(zip(x, weights, strict=True)), 9, most=weights[-1]), lines)
    assert answer.tolist() == [*weights, 0]


@given(bases, st.integers(1, 24), st.integers(1, 24), st.integers(0, 2**32 - 1))
def test_add_and_greater_on_words_of_unequal_width(basis, n, m, seed):
    vectors = random_vectors(n + m + 1, 60, seed)
    vectors[5:20, n : n + min(n, m)] = vectors[5:20, : min(n, m)]  # equal words
    vectors[10:20, n] ^= True
    a, b, carry = word_at(vectors, 0, n), word_at(vectors, n, m), vectors[:, -1].astype(int)

    def build(on: Basis, x: Word) -> Word:
        return [*on.add(x[:n], x[n:-1], x[-1]), *on.add(x[:n], x[n:-1], width=3), on.greater(x[:n], x[n:-1])]

    total = max(n, m) + 1
    expected = (a + b + carry) + (((a + b) % 8) * (1 << total)) + (a > b).astype(int) * (1 << (total + 3))
    assert np.array_equal(answers(basis, build, vectors), expected)


@pytest.mark.parametrize("basis", NAMES)
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_subtract_if_not_less_on_all_operands_it_is_for(basis, width):
    vectors = every_vector(2 * width + 1)
    check_subtraction(basis, vectors, width)


@given(bases, st.integers(5, 27), st.integers(0, 2**32 - 1))
def test_subtract_if_not_less_on_wider_words(basis, width, seed):
    check_subtraction(basis, random_vectors(2 * width + 1, 600, seed), width)


def check_subtraction(basis, vectors, width):
    """(q, a - q * b), q = [a >= b], for every a < 2 * b among the vectors."""
    a, b = word_at(vectors, 0, width + 1), word_at(vectors, width + 1, width)
    fits = np.array([p < 2 * q for p, q in zip(a, b, strict=True)])
    vectors, a, b = vectors[fits], a[fits], b[fits]

    def build(on: Basis, x: Word) -> Word:
        taken, rest = on.subtract_if_not_less(x[: width + 1], x[width + 1 :])
        return [taken, *rest]

    taken = (a >= b).astype(int)
    assert np.array_equal(answers(basis, build, vectors), taken + 2 * (a - taken * b))


@pytest.mark.parametrize("basis", NAMES)
@pytest.mark.parametrize("width", [1, 2, 7, 8, 9])
def test_increment_with_every_carry_clear_and_ones(basis, width):
    check_increment(basis, every_vector(width + 3), width)


@given(bases, st.integers(10, 55), st.integers(0, 2**32 - 1))
def test_increment_of_wider_words(basis, width, seed):
    check_increment(basis, random_vectors(width + 3, 80, seed), width)


def check_increment(basis, vectors, width):
    word, (carry, clear, ones) = word_at(vectors, 0, width), vectors[:, width:].T.astype(int)

    def build(on: Basis, x: Word) -> Word:
        out, over = on.increment(x[:width], *x[width:])
        return [*out, over]

    total = word + carry
    kept = np.where(clear == 1, 0, total % (1 << width))
    expected = np.where(ones == 1, (1 << width) - 1, kept) + (total >> width) * (1 << width)
    assert np.array_equal(answers(basis, build, vectors), expected)


def test_terms_of_a_word_weigh_its_places():
    assert weighted([7, 8, 9], -3) == [(7, -3), (8, -6), (9, -12)]
    assert integers(every_vector(3)).tolist() == list(range(8))
