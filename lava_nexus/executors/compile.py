"""Functions compiled by numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


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
