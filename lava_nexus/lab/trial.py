"""Quick runs: a small part of the work, to see that everything runs, marked wherever it is shown.

    @marked
    def run_something(config, out, quick=False):
        config = smaller(config, small(config)) if quick else config

Within a run that is marked every report says so in its title, its first line and its JSON, with what was shrunk; every
figure bears it; and nothing published stands beside what it found (`unless_quick`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from lava_nexus.config import ConfigT

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_SHRUNK: ContextVar[list[str] | None] = ContextVar("shrunk", default=None)

MARK = "QUICK RUN, no result"
"""What a title and a figure of a quick run bear."""


def marked(run: Callable[P, R]) -> Callable[P, R]:
    """An experiment, a function with a parameter `quick`: what it writes with `quick` is marked."""

    @wraps(run)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        quick = signature(run).bind(*args, **kwargs).arguments.get("quick", False)
        mark = _SHRUNK.set([] if quick else None)
        try:
            return run(*args, **kwargs)
        finally:
            _SHRUNK.reset(mark)

    return wrapped


@contextmanager
def as_trial(quick: bool) -> Iterator[None]:
    """A part of a run that is quick or not, in another process or in this one."""
    if quick == (_SHRUNK.get() is not None):
        yield
        return
    mark = _SHRUNK.set([] if quick else None)
    try:
        yield
    finally:
        _SHRUNK.reset(mark)


def trial() -> tuple[str, ...] | None:
    """What the run at hand left out, in words; None where it is whole."""
    shrunk = _SHRUNK.get()
    return None if shrunk is None else tuple(dict.fromkeys(shrunk)) or ("a small part of the work",)


def shrunk(*what: str) -> None:
    """Notes what a quick run leaves out, for example `2 of 64 tokens`."""
    noted = _SHRUNK.get()
    if noted is not None:
        noted.extend(what)


def smaller(whole: ConfigT, part: ConfigT) -> ConfigT:
    """The smaller config, every value that differs noted."""
    shrunk(*_differences(whole.resolved(), part.resolved()))
    return part


def unless_quick(printed: T) -> T | None:
    """A published figure, or None in a quick run, which nothing published stands beside."""
    return printed if trial() is None else None


def _differences(whole: Any, part: Any, path: str = "") -> Iterator[str]:
    if isinstance(whole, Mapping) and isinstance(part, Mapping):
        for key in whole:
            yield from _differences(whole[key], part.get(key), f"{path}.{key}" if path else str(key))
    elif whole != part:
        yield f"{path} {_text(part)} instead of {_text(whole)}"


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return f"{len(value)} values" if len(value) > 4 or any(isinstance(v, dict) for v in value) else str(value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
