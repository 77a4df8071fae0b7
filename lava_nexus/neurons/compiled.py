"""Loops compiled by numba and kept on disk, and the arrays that they work on, by what these hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray


def kept(function: Callable[..., Any], *signature: Any) -> Any:
    """Compiled to run without the interpreter's lock; kept on disk where numba finds a directory that it can write.

    Args:
        function: to compile.
        signature: compiles now and for these types alone; without it, for each call's types when they first come.
    """
    try:
        return numba.njit(*signature, nogil=True, cache=True)(function)
    except RuntimeError:
        return numba.njit(*signature, nogil=True)(function)


Words: TypeAlias = NDArray[np.uint64]
"""Patterns and random bits."""
Reals: TypeAlias = NDArray[np.float64]
"""Potentials, noise, thresholds with a fraction."""
Integers: TypeAlias = NDArray[np.int32]
"""Weights, sources, integer potentials and thresholds."""
Indices: TypeAlias = NDArray[np.int64]
"""Offsets and counts."""
Spikes: TypeAlias = NDArray[np.uint8]
"""0 or 1."""
