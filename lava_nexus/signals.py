"""Signals that end a command: SIGINT, SIGTERM and SIGHUP, held alike and answered at any moment.

Python calls a signal's handler between two instructions of the main thread, wherever that is. An exception that it
raises inside a callback (at a fork, in a destructor) is reported and forgotten; here it is raised again, soon after.
Work that must not be cut in two, such as starting children, holds the signals until it is done.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

ENDING = {
    getattr(signal, name): 128 + getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)
}
"""Exit codes by signal, as shells give them: 130, 143, 129."""
_AGAIN_SECONDS = 0.01
_PATIENCE_SECONDS = 15.0


class Answering:
    """The handlers of a command: the first signal unwinds the main thread, so that it cleans up.

    Further ones are left out while that lasts, at most 15 s. A signal that was ignored from the start, as under nohup,
    stays so; a forked child, which inherits the handlers, just ends.

    Attributes:
        asked: the signal that came, None before.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self._owner = os.getpid()
        self._since = 0.0
        self._leaving = False
        self._unraisable = sys.unraisablehook

    def begin(self) -> None:
        """Installs the handlers."""
        sys.unraisablehook = self._swallowed
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._answer)

    def end(self) -> None:
        """From here on the command is leaving: nothing cuts that, for as long."""
        self._leaving, self._since = True, time.monotonic()
        sys.unraisablehook = self._unraisable

    def _answer(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner:
            os._exit(ENDING[number])
        begun = self._leaving or self.asked is not None
        if begun and time.monotonic() < self._since + _PATIENCE_SECONDS:
            return
        self.asked, self._since = self.asked or number, time.monotonic()
        raise _exception(self.asked)

    def _swallowed(self, found: Any) -> None:
        """Called where an exception cannot be raised: a signal's is raised again, when the callback has returned."""
        ending = isinstance(found.exc_value, KeyboardInterrupt | SystemExit)
        if not (ending and self.asked is not None and os.getpid() == self._owner):
            self._unraisable(found)
            return
        signal.signal(signal.SIGALRM, self._again)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)

    def _again(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None and not self._leaving and os.getpid() == self._owner:
            raise _exception(self.asked)


def _exception(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(ENDING[number])


@contextmanager
def signals_held() -> Iterator[None]:
    """Ending signals wait until the block is done, so that starting or ending children is never left half-way.

    Children forked inside start with the signals blocked (see `in_child`): none reaches them before they are ready.
    """
    if not in_main_thread():
        yield
        return
    noted: list[int] = []
    before = {number: signal.getsignal(number) for number in ENDING}
    before = {number: handler for number, handler in before.items() if handler not in (None, signal.SIG_IGN)}
    mask = _blocked()
    try:
        for number in before:
            signal.signal(number, lambda number, frame: noted.append(number))
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        _restore(list(before.items()))
        if noted:
            signal.raise_signal(noted[0])


def _blocked() -> Any:
    """Blocks the ending signals in this thread and gives what was blocked before; None where a system has no masks."""
    return signal.pthread_sigmask(signal.SIG_BLOCK, ENDING) if hasattr(signal, "pthread_sigmask") else None


def _restore(handlers: list[tuple[int, Any]]) -> None:
    """All of them, although one that comes back to life may raise at once."""
    if handlers:
        try:
            signal.signal(*handlers[0])
        finally:
            _restore(handlers[1:])


def in_child(handlers: Mapping[int, signal.Handlers]) -> None:
    """In a forked child: sets handlers of ending signals, the others as the system has them, and lets them come."""
    for number in ENDING:
        signal.signal(number, handlers.get(number, signal.SIG_DFL))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def in_main_thread() -> bool:
    """Whether the caller runs in the main thread: the one that handles signals and lives as long as the program."""
    return threading.current_thread() is threading.main_thread()
