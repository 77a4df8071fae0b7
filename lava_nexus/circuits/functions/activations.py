"""sigmoid(x) = 1 / (1 + exp(-x)), silu(x) = x * sigmoid(x), gelu(x) = x * Phi(x), and gelu_tanh, gelu's tanh form.

Phi(-x) = exp(-x^2 / 2) * r(x) with a smooth r; gelu_tanh(x) = x * sigmoid(v) with v = sqrt(8/pi) * (x + 0.044715 x^3).
The program is that of `gated`; here are the gates, their exponents and their widths.

Error: correctly rounded on every operand of 16 bits and fewer (`tabulated`); within 1 ULP on every FP32 operand and on
10 million of FP64 (`verify/certificates`).
Source: D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units (GELUs)", arXiv 1606.08415 (both forms of gelu).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions.gated import Gated, Widths
from lava_nexus.circuits.functions.integers import Integers
from lava_nexus.circuits.functions.real import PHI, TAIL, TANH_CUBIC, TANH_SLOPE, Real, floor_of, ratio

W = TypeVar("W")

SIGMOID: dict[int, Widths] = {
    7: Widths(18, 14, -17, -3, 14, 6, 0, 2, -1, 5),
    10: Widths(18, 21, -20, -3, 21, 7, 0, 2, 0, 3),
    23: Widths(35, 38, -38, -5, 37, 7, 0, growth=-33),
    52: Widths(60, 61, -60, -3, 60, 8, 0, 6, 0, 0, 4, growth=-56),
}
SILU: dict[int, Widths] = {
    7: Widths(12, 15, -17, -2, 15, 5, 18, 2),
    10: Widths(19, 21, -21, -3, 22, 7, 24, 2, -1, 5),
    23: Widths(34, 36, -36, -5, 37, 7, 38),
    52: Widths(60, 61, -60, -3, 60, 8, 62, 6, 0, 0, 4),
}
GELU: dict[int, Widths] = {
    7: Widths(16, 17, -15, -2, 17, 6, 19, 2, -4, 0),
    10: Widths(20, 23, -21, -3, 21, 6, 24, 2),
    23: Widths(34, 38, -38, -5, 37, 7, 39),
    52: Widths(60, 61, -60, -3, 60, 8, 62, 6, 0, 0, 4),
}
GELU_TANH: dict[int, Widths] = {
    7: Widths(13, 16, -15, -3, 15, 5, 20, 2, 1, 4),
    10: Widths(18, 23, -21, -1, 20, 6, 23, 2, 0, 4),
    23: Widths(34, 37, -37, -5, 37, 7, 40),
    52: Widths(62, 61, -60, -3, 60, 8, 62, 6, 0, 0, 4),
}

# Where every input is to be rounded correctly.
SIGMOID_PRECISE = {23: Widths(44, 48, -47, -5, 46, 8, 0, 4, order=4, one=-45)}
SILU_PRECISE = {23: Widths(44, 48, -47, -5, 46, 8, 49, 4, order=4, one=-45)}
GELU_PRECISE = {23: Widths(45, 49, -48, -5, 47, 8, 51, 4, order=4)}

_SLOPE = np.sqrt(2 / np.arctan(np.longdouble(1)))  # sqrt(8 / pi)
_CUBIC = _SLOPE * np.longdouble("0.044715")


def _logistic(x: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(1 / (1 + np.exp(-x)))


def _cubic(x: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(x * (_SLOPE + _CUBIC * x * x))


def _logistic_of_cubic(x: NDArray[Any]) -> NDArray[Any]:
    return _logistic(_cubic(x))


def _exact_logistic(mp: Any, x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _exact_cubic(mp: Any, x: Any) -> Any:
    return x * (ratio(mp, TANH_SLOPE) + ratio(mp, TANH_CUBIC) * x * x)


_LOGISTIC = Real("1 / (1 + exp(-x))", _logistic, _exact_logistic)
_OF_CUBIC = Real(
    "1 / (1 + exp(-x (slope + cubic x^2)))", _logistic_of_cubic, lambda mp, x: _exact_logistic(mp, _exact_cubic(mp, x))
)


def _itself(on: Integers[W], x: W, have: int, want: int) -> W:
    return on.join(on.constant(0, max(want - have, 0)), on.part(x, max(have - want, 0), on.width(x)))


def _half_square(on: Integers[W], x: W, have: int, want: int) -> W:
    return on.product(x, x, 2 * have + 1 - want, 2 * (on.width(x) - have) - 1 + want)


def _cubic_exponent(on: Integers[W], x: W, have: int, want: int) -> W:
    """x * (slope + cubic * x^2)."""
    integer_bits = on.width(x) - have
    square = on.product(x, x, 2 * have - want, 2 * integer_bits + want)
    inner = on.scale(square, TANH_CUBIC, 0, 2 * integer_bits + want, constant=floor_of(TANH_SLOPE, want))
    return on.product(x, inner, have, 3 * integer_bits + want - 3)


sigmoid = Gated("sigmoid", _LOGISTIC, _LOGISTIC, _itself, lambda x: x, SIGMOID, times_operand=False)
silu = Gated("silu", _LOGISTIC, _LOGISTIC, _itself, lambda x: x, SILU)
gelu = Gated("gelu", PHI, TAIL, _half_square, lambda x: x * x / 2, GELU, falls=True)
sigmoid_precise, silu_precise, gelu_precise = (
    replace(gate, widths=widths)
    for gate, widths in ((sigmoid, SIGMOID_PRECISE), (silu, SILU_PRECISE), (gelu, GELU_PRECISE))
)
gelu_tanh = Gated("gelu_tanh", _OF_CUBIC, _OF_CUBIC, _cubic_exponent, _cubic, GELU_TANH)
