"""What is going on, said on stderr while it lasts: a line for work without parts, a bar with the time left for loops.

    with doing("building exp float32"):
        ...
    for layer in track(layers, "layers"):
        ...

On a terminal one line shows all that is going on, outermost first, and is gone when it ends. Elsewhere nothing is
said, unless asked: `LAVA_NEXUS_PROGRESS=1` or `speak(True)` give a plain line for whatever lasts over two seconds, and
again every four. `LAVA_NEXUS_PROGRESS=0` and `speak(False)` are silent everywhere. A thread tells the time, so that a
long call into a library is said too; forked children are silent.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

_TICK, _SOON, _LONG, _AGAIN = 0.25, 0.4, 2.0, 4.0
_VARIABLE = "LAVA_NEXUS_PROGRESS"
_OF_ALL = "{desc}: {n_fmt}/{total_fmt}{unit} [{elapsed}<{remaining}{postfix}]"
_OF_TOO_FEW = "{desc}: {n_fmt}/{total_fmt}{unit} [{elapsed}<?{postfix}]"
_OF_NOBODY_KNOWS = "{desc}: {n_fmt}{unit} [{elapsed}{postfix}]"
_FEW = 1 / 200  # of all parts: from fewer no time left is told, for the first ones stand for what is made once
_SCALED = 100_000


class Work:
    """One piece of work that is going on; as a context manager it begins and ends with the block.

    Attributes:
        what: in words.
        done: parts that are finished.
    """

    def __init__(self, what: str, total: int | None = None, unit: str = "", initial: int = 0) -> None:
        """`total` parts of a `unit`, `initial` of them done before; None for work that has no parts."""
        self.what, self.done = what, initial
        self._total, self._unit, self._initial, self._note = total, unit, initial, ""
        self._since, self._said = 0.0, 0.0

    def __enter__(self) -> Work:
        self._since = time.monotonic()
        self._said = self._since + _LONG - _AGAIN
        _VOICE.begin(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _VOICE.end(self)

    def update(self, parts: int = 1) -> None:
        """So many parts more are done."""
        self.done += parts

    def note(self, text: str) -> None:
        """What is at hand, or what was found last."""
        self._note = text

    def line(self, now: float) -> str:
        """How it stands, in tqdm's words where parts are counted: done, all, time gone and time left."""
        elapsed = now - self._since
        if self._total is None and self.done == self._initial:
            return f"{self.what}{', ' * bool(self._note)}{self._note}, {elapsed:.0f} s"
        layout = _OF_NOBODY_KNOWS
        if self._total is not None:
            few = self.done - self._initial < _FEW * (self._total - self._initial)
            layout = _OF_TOO_FEW if few else _OF_ALL
        return tqdm.format_meter(
            self.done,
            self._total,  # type: ignore[arg-type]  # None where nobody knows
            elapsed,
            prefix=self.what,
            unit=f" {self._unit}" if self._unit else "",
            unit_scale=(self._total or self.done) >= _SCALED,
            postfix=self._note or None,
            bar_format=layout,
            initial=self._initial,
        ).strip()

    def due(self, now: float) -> bool:
        """Whether a line of it is to be written where there is no terminal."""
        if now < self._said + _AGAIN:
            return False
        self._said = now
        return True


class _Voice:
    """All that is going on in this process, and the thread that tells of it."""

    def __init__(self) -> None:
        self.asked: bool | None = None
        self._lock = threading.Lock()
        self._works: list[Work] = []
        self._thread: threading.Thread | None = None
        self._shown = 0

    def begin(self, work: Work) -> None:
        with self._lock:
            self._works.append(work)
            if self._thread is None and self.mode():
                self._thread = threading.Thread(target=self._tell, name="progress", daemon=True)
                self._thread.start()

    def end(self, work: Work) -> None:
        with self._lock:
            if work in self._works:
                self._works.remove(work)
            self._show("")

    def clear(self) -> None:
        with self._lock:
            self._show("")

    def mode(self) -> str:
        """`line` on a terminal, `lines` where asked elsewhere, empty for silence."""
        asked = {"0": False, "1": True}.get(os.environ.get(_VARIABLE, "")) if self.asked is None else self.asked
        terminal = False
        with suppress(AttributeError, ValueError):  # closed, or none
            terminal = sys.stderr.isatty()
        if asked is False or sys.stderr is None:
            return ""
        return "line" if terminal else "lines" if asked else ""

    def _tell(self) -> None:
        """Until nothing has gone on for a while."""
        idle = 0.0
        while True:
            time.sleep(_TICK)
            with self._lock:
                idle = 0.0 if self._works else idle + _TICK
                if idle > _LONG:
                    self._thread = None
                    return
                with suppress(OSError, ValueError):
                    self._round(time.monotonic())

    def _round(self, now: float) -> None:
        if self.mode() == "line":
            if self._works and now - self._works[0]._since >= _SOON:
                self._show(" > ".join(work.line(now) for work in self._works))
            return
        for work in self._works:
            if work.due(now):
                sys.stderr.write(f"{work.line(now)}\n")
                sys.stderr.flush()

    def _show(self, text: str) -> None:
        """In place of what stands there; too long a line keeps its end, which is what is at hand."""
        if not (text or self._shown):
            return
        columns = shutil.get_terminal_size().columns - 1
        text = text if len(text) <= columns else f"...{text[3 - columns :]}"
        with suppress(OSError, ValueError):
            sys.stderr.write("\r" + text + " " * (self._shown - len(text)) + ("" if text else "\r"))
            sys.stderr.flush()
        self._shown = len(text)

    def forked(self) -> None:
        """A child says nothing: the thread stayed with the parent."""
        self.__init__()  # type: ignore[misc]
        self.asked = False


_VOICE = _Voice()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_VOICE.forked)


def speak(on: bool | None) -> None:
    """Says what is going on everywhere (True), nowhere (False), or on terminals alone (None, as from the start)."""
    _VOICE.asked = on


def say(text: str) -> None:
    """A line of results on stdout, where no line of progress stands in its way."""
    _VOICE.clear()
    print(text, flush=True)


def warn(text: str) -> None:
    """A warning on stderr."""
    _VOICE.clear()
    print(f"warning: {text}", file=sys.stderr, flush=True)


@contextmanager
def doing(what: str) -> Iterator[Work]:
    """Work without parts, for as long as the block lasts."""
    with Work(what) as work:
        yield work


def track(items: Iterable[T], what: str, unit: str = "", total: int | None = None) -> Iterator[T]:
    """The items one by one, counted; `total` where they have no length. What is yielded counts once it is worked on."""
    if total is None:
        total = len(items) if isinstance(items, Sized) else None
    with Work(what, total, unit) as work:
        for item in items:
            yield item
            work.update()
