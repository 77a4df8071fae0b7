"""Loops compiled by numba and kept on disk, and the arrays that they work on, by what these hold.

numba's own cache unpickles whatever it finds beside the sources, and an entry cut short stops every later run. Here
compiled code is kept with the package's other entries (`disk_cache`): read only from a folder that is the user's alone,
its SHA-256 checked before it is unpickled; what is damaged is compiled anew.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.serialize import dumps
from numpy.typing import NDArray

from lava_nexus.disk_cache import recalled, remember, source_digest
from lava_nexus.progress import Work

_KIND = "compiled"


def kept(function: Callable[..., Any], *signature: Any) -> Any:
    """Compiled to run without the interpreter's lock; kept on disk where a directory can be written.

    Args:
        function: to compile.
        signature: compiles now and for these types alone; without it, for each call's types when they first come.
    """
    compiled = numba.njit(nogil=True)(function)
    if numba.config.DISABLE_JIT:
        return compiled
    compiled._cache = _CheckedCache(function)
    for one in signature:
        compiled.compile(one)
    if signature:
        compiled.disable_compile()
    return compiled


def within(function: Callable[..., Any]) -> Any:
    """Compiled as a part of the kept functions that call it, which are then found by its source too.

    It has no entry for the interpreter, which takes longer to compile than most.
    """
    return numba.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


class _Codec(CompileResultCacheImpl):
    """numba's way from a compiled function to plain objects and back, without its choice of a folder."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = self
        self._py_file = inspect.getfile(function)


class _CheckedCache(FunctionCache):
    """Compiled functions as sealed entries, found by all that their code depends on."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._py_func, self._name = function, repr(function)
        self._impl = _Codec(function)
        self._going_on: Work | None = None
        self._source = _identity(function)
        self.enable()

    @property
    def cache_path(self) -> str:
        """The kind of entries, below the cache's folder."""
        return _KIND

    def flush(self) -> None:
        """Nothing: an entry of other sources is not found."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The function compiled for these types, or None where it is not kept whole."""
        target_context.refresh()
        key = self._key(sig, target_context.codegen())
        body = recalled(_KIND, key) if self._enabled else None
        if body is None:
            self._going_on = Work(f"compiling {self._py_func.__name__}")
            self._going_on.__enter__()
            return None
        try:
            found, code = pickle.loads(body)
            return self._impl.rebuild(target_context, code) if found == key else None
        except Exception:  # whatever another version of a package wrote: it is compiled anew
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps what was compiled, where numba can."""
        if self._going_on is not None:
            self._going_on.__exit__(None, None, None)
            self._going_on = None
        if self._enabled and self._impl.check_cachable(data):
            key = self._key(sig, data.codegen)
            remember(_KIND, key, dumps((key, self._impl.reduce(data))))

    def _key(self, sig: Any, codegen: Any) -> str:
        return f"{numba.__version__} {sys.version} {codegen.magic_tuple()} {sig!r} {self._source}"


def _identity(function: Callable[..., Any]) -> str:
    """Source, name, code and what it closes over or calls, compiled functions in that by theirs."""
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    named = [function.__globals__.get(name) for name in function.__code__.co_names]
    cells += [one for one in named if getattr(one, "py_func", function) is not function]
    closed = [_identity(cell.py_func) if hasattr(cell, "py_func") else repr(cell) for cell in cells]
    code = hashlib.sha256(function.__code__.co_code).hexdigest()
    return f"{function.__module__}.{function.__qualname__} {source_digest(inspect.getfile(function))} {code} {closed}"


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
