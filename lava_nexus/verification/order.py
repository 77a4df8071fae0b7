"""Whether results rise and fall where the function does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.circuit import Golden
from lava_nexus.formats import FloatFormat
from lava_nexus.verification.real_functions import RealFunction

Patterns = NDArray[Any]


def against_order(
    evaluate: Golden, patterns: Patterns, results: Patterns, fmt: FloatFormat, function: RealFunction
) -> tuple[int, int]:
    """(neighbours between which the function only rises or falls; those of them whose results go the other way).

    Args:
        evaluate: patterns to results.
        patterns: that follow each other; the one after the last is compared too, but -0 does not follow the last NaN.
        results: theirs.
    """
    if int(patterns[-1]) < 2 * fmt.sign_mask - 1:
        after = patterns[-1:] + fmt.pattern_dtype.type(1)
        patterns, results = np.concatenate([patterns, after]), np.concatenate([results, evaluate(after)])
    middle = int(np.searchsorted(patterns, fmt.sign_mask))
    sides = ((1, slice(None, middle)), (-1, slice(middle, None)))
    found = [_one_side(side, patterns[part], results[part], fmt, function) for side, part in sides]
    return sum(pairs for pairs, _ in found), sum(wrong for _, wrong in found)


def _one_side(side: int, patterns: Patterns, results: Patterns, fmt: FloatFormat, function: RealFunction) -> Any:
    """Operands of one sign, which rise with their patterns where `side` is 1 and fall where it is -1."""
    if len(patterns) < 2:
        return 0, 0
    slope = function.slope
    with np.errstate(invalid="ignore"):  # a NaN is neither above nor below
        y = fmt.from_patterns(results)
        if isinstance(slope, int) and np.isneginf(function.lowest):
            wrong = y[1:] < y[:-1] if slope * side > 0 else y[1:] > y[:-1]
            return len(wrong), int(np.count_nonzero(wrong))
        x = fmt.from_patterns(patterns).astype(np.float64)
        signs = side * np.sign(x - function.lowest if isinstance(slope, int) else slope(x))
    rising, falling = ((signs[1:] == sign) & (signs[:-1] == sign) for sign in (1, -1))
    wrong = (rising & (y[1:] < y[:-1])) | (falling & (y[1:] > y[:-1]))
    return int(np.count_nonzero(rising | falling)), int(np.count_nonzero(wrong))
