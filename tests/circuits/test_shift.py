"""Shifters against Python's own shifts: right with what is lost, left past leading zeros up to a limit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lava_nexus.circuits.cells import Basis, Word, weighted
from lava_nexus.circuits.shift import align, normalise, plan_stages
from tests.circuits.cells.bench import NAMES, answers, bases, random_vectors, word_at

AMOUNT = 5


@pytest.mark.parametrize("stage_cost", [0, 80])
@pytest.mark.parametrize("keep", [3, 53])
def test_a_plan_of_stages_reaches_every_amount_and_not_absurdly_more(keep, stage_cost):
    assert plan_stages(0, keep, stage_cost) == ()
    for most in range(1, 40 if stage_cost else 120):
        plan = plan_stages(most, keep, stage_cost)
        reached = {0}
        for unit, radix in plan:
            reached = {r + d * unit for r in reached for d in range(radix)}
        assert reached == set(range(max(reached) + 1))  # each amount, written in mixed radix
        assert most <= max(reached) <= 4 * most + 4
        assert [unit for unit, _ in plan] == sorted({unit for unit, _ in plan}, reverse=True)


@given(bases, st.integers(1, 12), st.integers(0, 9), st.integers(-9, 40), st.integers(0, 2**32 - 1))
def test_align_shifts_right_and_tells_what_it_lost(basis, width, below, offset, seed):
    vectors = random_vectors(width + AMOUNT + 1, 80, seed)
    vectors[:, -1] &= word_at(vectors, width, AMOUNT) + offset >= 9  # `too_far` goes with amounts that are not negative
    word, amount, too_far = word_at(vectors, 0, width), word_at(vectors, width, AMOUNT), vectors[:, -1].astype(int)
    amount = np.maximum(amount + offset - 9, 0)

    def build(on: Basis, x: Word) -> Word:
        terms = [*weighted(x[width : width + AMOUNT]), (on.one, offset - 9)]
        shifted, lost = align(on, x[:width], terms, x[-1], below)
        assert len(shifted) == width + below
        return [*shifted, on.or_(*lost)]

    whole = word << below
    kept = np.where(too_far == 1, 0, np.array([w >> a for w, a in zip(whole, amount, strict=True)], dtype=object))
    back = np.array([k << (0 if t else a) for k, a, t in zip(kept, amount, too_far, strict=True)], dtype=object)
    lost = np.where(too_far == 1, word != 0, back != whole).astype(int)
    assert np.array_equal(answers(basis, build, vectors), kept + (lost.astype(object) << (width + below)))


@given(
    bases,
    st.integers(1, 14),
    st.integers(1, 16),
    st.integers(0, 16),
    st.booleans(),
    st.integers(-6, 12),
    st.integers(0, 2**32 - 1),
)
def test_normalise_shifts_left_by_zeros_limit_and_most(basis, width, keep, most, limited, offset, seed):
    """Words that `most` is true of: no more leading zeros than that, unless the word is 0."""
    most = min(most, width - 1)
    vectors = random_vectors(width + 4, 120, seed)
    word, raw = word_at(vectors, 0, width), word_at(vectors, width, 4)
    limit = raw + offset
    zeros = np.array([width - int(w).bit_length() for w in word])
    fits = (word == 0) | (zeros <= most)
    vectors, word, limit, zeros = vectors[fits], word[fits], limit[fits], zeros[fits]

    def build(on: Basis, x: Word) -> Word:
        terms = [*weighted(x[width:]), (on.one, offset)] if limited else None
        blocked = on.not_(on.at_least(terms, 0)) if limited and offset < 0 else None
        top, shift, dropped = normalise(on, x[:width][::-1], most, keep, terms, blocked)
        assert len(top) == keep
        return [*top[::-1], on.or_(*dropped), *on.sum_bits(shift, 6)]

    answer = answers(basis, build, vectors)
    for value, w, z, room in zip(answer.tolist(), word.tolist(), zeros.tolist(), limit.tolist(), strict=True):
        top, dropped, shift = value % (1 << keep), value >> keep & 1, value >> (keep + 1)
        if w == 0:
            assert (top, dropped) == (0, 0)
            continue
        assert shift == (min(z, max(room, 0)) if limited else z)
        exact = (w << shift) << keep  # as if the word were a fraction of `width` bits
        assert (top, dropped) == (exact >> width, int(exact % (1 << width) != 0))


@pytest.mark.parametrize("basis", NAMES)
def test_normalise_of_a_zero_shifts_by_no_more_than_its_stages(basis):
    vectors = np.zeros((1, 9), dtype=bool)

    def build(on: Basis, x: Word) -> Word:
        _, shift, _ = normalise(on, x[::-1], 8, 9)
        return on.sum_bits(shift, 6)

    most = sum(unit * (radix - 1) for unit, radix in plan_stages(8, 9, 80 if basis.endswith("depth") else 0))
    assert answers(basis, build, vectors)[0] <= most
