"""Functions compiled by numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def kept(function: Callable[..., Any]) -> Any:
    """Compiled to run without the interpreter's lock; kept on disk where numba finds a directory that it can write."""
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)
