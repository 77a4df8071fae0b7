"""The screens in longdouble that decide correct rounding to FP64, against multiple precision."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from lava_nexus.formats import FLOAT64
from lava_nexus.verify.correct import correctly_rounded
from lava_nexus.verify.real_functions import FUNCTIONS

pytestmark = pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="longdouble is no wider than FP64 here")


@pytest.mark.parametrize("name", ["exp", "sigmoid", "tanh", "silu", "gelu", "gelu_tanh", "erf"])
def test_error_is_within_the_bound(name: str) -> None:
    rng = np.random.default_rng(4)
    x = (rng.standard_normal(150) * 2.0 ** rng.integers(-12, 5, 150)).astype(np.longdouble)
    function = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        y = function.wide(x)
        bounds = np.broadcast_to(function.extended(x) if callable(function.extended) else function.extended, x.shape)
    with mpmath.workprec(200):
        for operand, value, bound in zip(x, y, bounds, strict=True):
            exact = function.exact(mpmath.mp, mpmath.mpf(float(operand)))
            high = float(value)
            if abs(exact) > 1e-290:  # where longdouble splits into two FP64 numbers
                got = mpmath.mpf(high) + mpmath.mpf(float(value - np.longdouble(high)))
                assert abs(got / exact - 1) < float(bound)


def test_gelu_vanishes_however_large_the_operand() -> None:
    x = np.array([-39.0, -40.0, -41.0, -1e5, -1.7976931348623157e308, -np.inf])
    results, _ = correctly_rounded("gelu", x.view(np.uint64), FLOAT64)
    assert (results == FLOAT64.sign_mask).all()


@pytest.mark.parametrize("name", ["silu", "gelu", "gelu_tanh"])
def test_gates_at_infinity(name: str) -> None:
    results, _ = correctly_rounded(name, np.array([np.inf, -np.inf]).view(np.uint64), FLOAT64)
    assert results.tolist() == [FLOAT64.exponent_mask, FLOAT64.sign_mask]
