"""What sums are whatever their digits: of zeros, infinities and NaN; arrays of NumPy, or of a GPU all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lava_nexus.formats import FloatFormat
from lava_nexus.populations.native.limbs import Fields
from lava_nexus.populations.native.neurons import INFINITE, MINUS_ZERO, NAN


class Signs(Protocol):
    """Of weights, as `Limbs` has them.

    Attributes:
        outputs: sums.
        signs: int8 [outputs, inputs]: 1 or -1, of zeros too.
        zero: bool [outputs, inputs].
        none: [inputs]: whether, or how many, weights are 0.
    """

    @property
    def outputs(self) -> int: ...  # noqa: D102
    @property
    def signs(self) -> Any: ...  # noqa: D102
    @property
    def zero(self) -> Any: ...  # noqa: D102
    @property
    def none(self) -> Any: ...  # noqa: D102


@dataclass(frozen=True)
class SignsOf:
    """Those of patterns [outputs, inputs] of a format, wherever they lie."""

    patterns: Any
    format: FloatFormat

    @property
    def outputs(self) -> int:
        """Sums."""
        return len(self.patterns)

    @property
    def signs(self) -> Any:
        """As `Limbs.signs`."""
        sign = self.patterns.dtype.type(self.format.sign_mask)
        return np.where((self.patterns & sign) != 0, np.int8(-1), np.int8(1))

    @property
    def zero(self) -> Any:
        """As `Limbs.zero`."""
        return (self.patterns & self.patterns.dtype.type(self.format.sign_mask - 1)) == 0

    @property
    def none(self) -> Any:
        """Whether some weight of an input is 0."""
        return self.zero.any(axis=0)


def codes(weights: Signs, found: Fields) -> Any:
    """int64 [rows, outputs], from signs and classes of activations [rows, inputs]."""
    sign = np.where(found.negative, np.float32(-1), np.float32(1))
    zero = (found.significand == 0) & ~found.infinite
    zeros = _met(weights, sign * zero, True) + _met(weights, sign * (weights.none != 0), False)
    signs = _met(weights, sign * found.infinite, True)
    infinities, nans = found.infinite.sum(axis=1)[:, None], found.nan.any(axis=1)[:, None]
    nan = nans | ((infinities > 0) & (abs(signs) != infinities))
    infinite = np.where(signs == infinities, INFINITE, INFINITE + 1)
    code = np.where(infinities > 0, infinite, np.where(zeros == -sign.shape[1], MINUS_ZERO, 0))
    return np.where(nan, NAN, code).astype(np.int64)


def _met(weights: Signs, lines: Any, used: bool) -> Any:
    """lines [rows, inputs] times the signs of weights that are (not: `used`) 0: float32 [rows, outputs]."""
    columns = lines.any(axis=0)
    if not columns.any():
        return np.zeros_like(lines, np.float32, shape=(len(lines), weights.outputs))
    signs = np.where(weights.zero[:, columns] != used, weights.signs[:, columns], np.int8(0))
    return lines[:, columns] @ signs.astype(np.float32).T


def told(weights: Signs, found: Fields) -> tuple[int, int]:
    """To how many sums signs of zeros come, and of infinities."""
    zeros = _reached(weights, (found.significand == 0) & ~found.infinite)
    if weights.none.any():
        zeros = zeros | weights.zero.any(axis=1)
    return int(zeros.sum()), int(_reached(weights, found.infinite).sum())


def _reached(weights: Signs, some: Any) -> Any:
    """bool [rows, outputs]: whether one of some activations [rows, inputs] meets a weight that is not 0."""
    columns = some.any(axis=0)
    if not columns.any():
        return np.zeros_like(some, shape=(len(some), weights.outputs))
    used = (~weights.zero[:, columns]).astype(np.float32).T
    return some[:, columns].astype(np.float32) @ used > 0


def codes_of(weights: Signs, found: Fields) -> tuple[Any, tuple[int, int, int]]:
    """(codes; rows with infinities and with NaN, and sums to which signs come)."""
    few = (int(some.any(axis=1).sum()) for some in (found.infinite, found.nan))
    return codes(weights, found), (*few, sum(told(weights, found)))  # type: ignore[return-value]
