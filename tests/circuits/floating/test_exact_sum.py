"""Exact sums: exhaustive in narrow formats, any order of terms, sampled in wide ones."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, FLOAT32, FloatFormat
from lava_nexus.neurons import check as check_rules
from lava_nexus.verify.operands import every_pair, singles, specials
from tests.circuits.floating.checks import NARROW, STYLES, check, check_reference, everything, rational

TINY = FloatFormat(2, 1)


@pytest.mark.parametrize(("basis", "style"), STYLES)
@pytest.mark.parametrize("to", [TINY, FloatFormat(3, 3), FloatFormat(4, 1, inf=False)], ids=str)
def test_every_sum_of_two_products(to, basis, style):
    built, sets = circuit("dot_exact", TINY, to=to, basis=basis, style=style), everything(TINY, 4)
    check_reference(built, sets, rational("dot_exact", TINY, to), most=3000)
    check(built, sets)


@pytest.mark.parametrize("fmt", NARROW[:3], ids=str)
def test_every_sum_of_three_numbers(fmt):
    built, sets = circuit("sum_exact", fmt, terms=3), everything(fmt, 3)
    check_reference(built, sets, rational("sum_exact", fmt), most=3000)
    check(built, sets)


@pytest.mark.parametrize("fmt", [FLOAT8_E4M3FN, FLOAT8_E5M2], ids=str)
def test_sums_of_one_product_and_of_two_numbers_are_mul_and_add(fmt):
    pairs = every_pair(fmt)
    for name, terms, same in (("dot_exact", 1, "mul"), ("sum_exact", 2, "add")):
        built = circuit(name, fmt, terms=terms)
        assert np.array_equal(built.golden(*pairs), circuit(same, fmt).golden(*pairs))
        check(built, pairs)


def sample(fmt: FloatFormat, operands: int, size: int, seed: int = 0) -> list[np.ndarray]:
    """Operands of every kind, some of them special; half of the sets with pairs of terms that cancel."""
    rng = np.random.default_rng(seed)
    sets = [rng.permutation(singles(fmt, 4 * size, seed + i))[:size] for i in range(operands)]
    sets = [np.where(rng.random(size) < 0.05, rng.choice(specials(fmt), size), x) for x in sets]
    cancel = rng.random(size) < 0.5
    flip = fmt.pattern_dtype.type(fmt.sign_mask)
    sets[-1] = np.where(cancel, sets[0] ^ flip, sets[-1])
    if operands > 3:
        sets[-2] = np.where(cancel, sets[1], sets[-2])
    return sets


@pytest.mark.parametrize(
    ("name", "fmt", "to", "terms"),
    [
        ("dot_exact", FLOAT8_E5M2, FLOAT32, 8),
        ("dot_exact", FLOAT16, FLOAT16, 3),
        ("dot_exact", BFLOAT16, FLOAT32, 2),
        ("dot_exact", FLOAT32, FLOAT32, 2),
        ("sum_exact", FLOAT16, FLOAT8_E4M3FN, 5),
        ("sum_exact", FLOAT32, FLOAT32, 4),
    ],
)
def test_sampled_sums_in_any_order(name, fmt, to, terms):
    built = circuit(name, fmt, to=to, terms=terms)
    assert [port.name for port in built.inputs][:2] == (["a0", "b0"] if name == "dot_exact" else ["a0", "a1"])
    check_rules(built.network)
    sets = sample(fmt, len(built.inputs), 600)
    check_reference(built, sets, rational(name, fmt, to), most=600)
    check(built, sets)
    step = len(sets) // terms
    backwards = [x for i in reversed(range(terms)) for x in sets[i * step : (i + 1) * step]]
    assert np.array_equal(built.golden(*backwards), built.golden(*sets))


def test_a_sum_that_sequential_rounding_loses():
    values = [2.0**60, 1.0, -(2.0**60), 2.0**-60]
    sets = [np.array([x], dtype=np.float32).view(np.uint32) for value in values for x in (value, 1.0)]
    built = circuit("dot_exact", FLOAT32, terms=4)
    assert built.golden(*sets).view(np.float32) == np.float32(1 + 2.0**-60)
    check(built, sets)


def test_zeros():
    """-0 only where every term is; exact cancellation gives +0."""
    built = circuit("sum_exact", FLOAT16, terms=3)
    zero, minus, one = 0x0000, 0x8000, 0x3C00
    rows = [(minus, minus, minus), (minus, zero, minus), (zero, zero, zero), (one, one | minus, minus)]
    sets = [np.array(column, dtype=np.uint16) for column in zip(*rows, strict=True)]
    assert built.golden(*sets).tolist() == [minus, zero, zero, zero]
    check(built, sets)


def test_terms_are_counted():
    with pytest.raises(NexusError, match="option 'terms' of operation 'sum_exact' is 2000, which is not 1 .. 1024"):
        circuit("sum_exact", FLOAT16, terms=2000)
