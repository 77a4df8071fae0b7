"""Whole sums of the reference in one go against the same sums step by step, and exact ones against integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.circuits.accumulator import accumulator
from lava_nexus.circuits.goldens import sums as integers
from lava_nexus.circuits.goldens.doubles import exact_dot
from lava_nexus.circuits.native import NativeLayer
from lava_nexus.errors import NexusError
from lava_nexus.execute import sums
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, FLOAT32, FLOAT64, FloatFormat
from lava_nexus.populations.native.limbs import Limbs
from lava_nexus.programs.nodes import Folded
from lava_nexus.programs.order import Order, Sum, named_order
from lava_nexus.programs.product import Exact, Rounded

SIX = (FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, BFLOAT16, FLOAT32, FLOAT64)
FIVE = SIX[:5]
TERMS = 5
ORDERS = {
    "sequential": named_order("sequential", TERMS),
    "pairwise": named_order("pairwise", TERMS),
    "from zero": Order("torch", Sum((Sum((range(0, 5, 2),)), Sum((range(1, 5, 2),)))), from_zero=True),
    "with bias": Order("torch", Sum((range(TERMS, TERMS + 1), range(TERMS))), bias_inside=True),
}


def corners(fmt: FloatFormat, rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Patterns: zeros, subnormals, infinities, NaN and the largest among random bits and ordinary numbers."""
    top = fmt.max_finite
    special = np.array(
        [0, 1, top, top + 1, fmt.canonical_nan, fmt.exponent_mask >> 1, 1 << fmt.fraction_bits], np.uint64
    )
    words = rng.integers(0, 1 << 63, shape, dtype=np.uint64) >> np.uint64(64 - fmt.bits - 1 * (fmt.bits == 64))
    with np.errstate(all="ignore"):
        plain = fmt.to_patterns(rng.standard_normal(shape).astype(fmt.dtype)).astype(np.uint64)
    kind = rng.random(shape)
    found = np.where(kind < 0.2, words, np.where(kind < 0.97, plain, rng.choice(special, shape)))
    found ^= np.where(rng.random(shape) < 0.5, np.uint64(fmt.sign_mask), np.uint64(0))
    return fmt.canonical(found.astype(fmt.pattern_dtype))


class StepByStep(ReferenceExecutor):
    """The reference without a form of its own of whole sums."""

    def contracted(self, *_: Any) -> None:
        return None

    folded = contracted


def tallied(executor: ReferenceExecutor) -> list[tuple[str, int]]:
    return sorted((tally.circuit.label, tally.invocations) for tally in executor.tallies)


def both(how: Any, operands: list[np.ndarray]) -> np.ndarray:
    """The sums in one go, which are those step by step, at the same cost."""
    fast, slow = ReferenceExecutor(), StepByStep()
    found = fast.contracted(how, *operands, *[None] * (3 - len(operands)))
    np.testing.assert_array_equal(found, sums.contract(how, operands, slow))
    assert tallied(fast) == tallied(slow)
    return np.asarray(found)


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("fmt", SIX, ids=str)
def test_rounded_products_in_every_order(fmt: FloatFormat, name: str) -> None:
    rng, order = np.random.default_rng(1), ORDERS[name]
    how = Rounded(circuit("mul", fmt), circuit("add", fmt), order)
    bias = [corners(fmt, rng, 1, 1, 300)] if order.bias_inside else []
    found = both(how, [corners(fmt, rng, 2, 3, 4, TERMS), corners(fmt, rng, 1, 1, 300, TERMS), *bias])
    assert found.shape == (2, 3, 4, 300) and 0.02 < fmt.is_nan(found).mean() < 0.6
    both(how, [corners(fmt, rng, 2, 1, 2, TERMS), corners(fmt, rng, 2, 3, 7, TERMS), *[b[..., :7] for b in bias]])
    both(how, [corners(fmt, rng, 1, 2, TERMS), corners(fmt, rng, 3, 7, TERMS), *[b[0, :, :7] for b in bias]])


@pytest.mark.parametrize("fmt", (FLOAT8_E4M3FN, FLOAT8_E5M2), ids=str)
def test_every_pair_of_eight_bits(fmt: FloatFormat) -> None:
    """Products and sums of all pairs: a * b and a * 1 + b * 1."""
    every = np.arange(256, dtype=np.uint8)
    how = Rounded(circuit("mul", fmt), circuit("add", fmt), named_order("sequential", 1))
    both(how, [every[None, :, None], every[None, :, None]])
    one = fmt.to_patterns(np.ones(256, fmt.dtype))
    how = Rounded(circuit("mul", fmt), circuit("add", fmt), named_order("sequential", 2))
    both(how, [np.stack([every, one], 1)[None], np.stack([one, every], 1)[None]])


@pytest.mark.parametrize("fmt", (FLOAT8_E5M2, FLOAT16, BFLOAT16), ids=str)
def test_narrow_products_added_in_float32(fmt: FloatFormat) -> None:
    rng = np.random.default_rng(2)
    how = Rounded(circuit("mul", fmt, to=FLOAT32), circuit("add", FLOAT32), named_order("sequential", TERMS))
    both(how, [corners(fmt, rng, 1, 9, TERMS), corners(fmt, rng, 1, 40, TERMS)])


@pytest.mark.parametrize("fmt", SIX, ids=str)
def test_values_added_up(fmt: FloatFormat) -> None:
    rng, fast, slow = np.random.default_rng(3), ReferenceExecutor(), StepByStep()
    x = corners(fmt, rng, 2, 150, TERMS)
    for how in (Folded(circuit("add", fmt), ORDERS["pairwise"]), Exact(accumulator(fmt, "values"))):
        found = fast.folded(how, x)
        if fmt == FLOAT64 and isinstance(how, Exact):
            assert found is None
            continue
        tile = sums.Tile((np.moveaxis(x, -1, 0),), x.shape[:-1])
        np.testing.assert_array_equal(found, sums.formed(how, tile, slow))
    assert tallied(fast) == tallied(slow)
    assert fast.folded(Folded(circuit("max", fmt), ORDERS["sequential"]), x) is None


def test_what_is_no_plain_sum_is_formed_step_by_step() -> None:
    x = np.zeros((1, 2, TERMS), np.uint16)
    flushing = circuit("mul", FLOAT16, subnormals=False), circuit("add", FLOAT16, subnormals=False)
    how = Rounded(*flushing, ORDERS["sequential"])
    assert ReferenceExecutor().contracted(how, x, x, None) is None
    assert ReferenceExecutor().contracted(how, x[:, :0], x, None) is None


@pytest.mark.parametrize("fmt", FIVE, ids=str)
def test_exact_sums_are_those_of_integers(fmt: FloatFormat) -> None:
    """By the accumulator's golden and by that of an exact dot product; cancellation, ties and signs of zero too."""
    rng, terms = np.random.default_rng(4), 6
    a, b = corners(fmt, rng, 1, 40, terms), corners(fmt, rng, 1, 50, terms)
    a[:, 20:, terms // 2 :] = a[:, 20:, : terms // 2] ^ fmt.pattern_dtype.type(fmt.sign_mask)  # x y - x y
    b[:, 25:, terms // 2 :] = b[:, 25:, : terms // 2]
    a[:, :2], a[0, 1, 0] = fmt.sign_mask, 0
    found = both(Exact(accumulator(fmt, "products")), [a, b])
    flat = [x.ravel() for k in range(terms) for x in np.broadcast_arrays(a[0, :, None, k], b[0, None, :, k])]
    np.testing.assert_array_equal(found.ravel(), integers.dot(fmt, fmt)(*flat))
    finite = np.where((b & fmt.exponent_mask) == fmt.exponent_mask, 0, b) if fmt.inf else np.where(fmt.is_nan(b), 0, b)
    layer = NativeLayer(Limbs(fmt, fmt, fmt, finite[0].astype(fmt.pattern_dtype)))
    np.testing.assert_array_equal(layer.by_doubles(a[0]), layer.golden(a[0]))


def test_ties_of_float32_that_float64_cannot_tell() -> None:
    """1 + 2^-24 is a tie; what decides it lies 2^-100 below, on either side, and is lost in any order of FP64."""
    a = np.array([[1, 2.0**-24, 2.0**-100], [1, 2.0**-24, -(2.0**-100)], [1, 2.0**-24, 0]], np.float32)
    found = exact_dot(a, np.ones((1, 3), np.float32), FLOAT32).view(np.float32).ravel()
    assert found.tolist() == [1 + 2.0**-23, 1.0, 1.0]
    wide = np.float32(2.0**-149) * np.ones((1, 2), np.float32)  # subnormal: 2^-149 + 2^-150 to even
    assert exact_dot(wide, np.array([[1, 0.5]], np.float32), FLOAT32).tolist() == [[2]]


def test_native_layers_in_float64_stay_with_integers() -> None:
    layer = NativeLayer(Limbs(FLOAT64, FLOAT64, FLOAT64, FLOAT64.to_patterns(np.array([[1.0, 2.0**-60]]))))
    rows = FLOAT64.to_patterns(np.array([[1.0, 1.0], [2.0, -1.0]]))
    np.testing.assert_array_equal(layer.by_doubles(rows), layer.golden(rows))
    with pytest.raises(NexusError, match="native products take finite weights"):
        Limbs(FLOAT32, FLOAT32, FLOAT32, np.array([[0x7F800000]], np.uint32))
