"""The operating-system processes that Lava's models live in: none can fail unseen, none outlives its parent."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing as mp
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, NamedTuple

from lava.magma.runtime.message_infrastructure.multiprocessing import MultiProcessing
from lava.magma.runtime.message_infrastructure.shared_memory_manager import SharedMemoryManager

from lava_nexus.errors import NexusError

_PR_SET_PDEATHSIG = 1


class Failure(NamedTuple):
    """What ended a model.

    Attributes:
        sentence: the exception in one line; a NexusError's own sentence as it stands.
        trace: the traceback in the child, for the developer.
    """

    sentence: str
    trace: str


class Actor(mp.Process):
    """One child process that builds and runs one model, and tells the parent by pipe that it is built or has failed.

    Nothing is printed by the child: its exception travels as text, so it need not be picklable either.

    Attributes:
        title: name of the Lava Process inside, for messages.
        built: whether the model exists and waits for commands.
        failure: why the model ended, if it did.
    """

    def __init__(self, title: str, builder: Any) -> None:
        super().__init__(name=f"lava {title}", daemon=True)
        self.title = title
        self.built = False
        self.failure: Failure | None = None
        self._builder = builder
        self._parent = os.getpid() if in_main_thread() else None
        self._hear, self._tell = mp.Pipe(duplex=False)

    def start(self) -> None:
        """Forks; the child's end of the pipe stays with the child alone, so that its death is heard."""
        super().start()
        self._tell.close()

    def run(self) -> None:
        """The child: build the model and serve Lava's commands until told to stop."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
        if self._parent is not None:
            die_with_parent(self._parent)
        try:
            model = self._builder.build()
            self._tell.send(None)
            model.start()
        except BaseException as error:  # whatever it is, the parent must hear of it
            self._tell.send(Failure(_sentence(error), traceback.format_exc()))

    def listen(self) -> None:
        """Takes in what the child has said so far."""
        with contextlib.suppress(EOFError, OSError):
            while self._hear.poll():
                said = self._hear.recv()
                self.built = self.built or said is None
                self.failure = said or self.failure

    @property
    def gone(self) -> bool:
        """Whether the child ended without having told of a failure."""
        if self.is_alive():
            return False
        self.listen()
        return self.failure is None

    def blame(self) -> NexusError:
        """The error of a child that failed or is gone."""
        if self.failure is None:
            return NexusError(f"Lava Process {self.title} ended unasked, exit code {self.exitcode}")
        error = NexusError(f"Lava Process {self.title} failed: {self.failure.sentence}")
        error.__cause__ = ModelError(self.failure)
        return error

    def end(self, grace: float) -> None:
        """Waits `grace` seconds for the child to end by itself, then kills and reaps it."""
        self.join(grace)
        if self.is_alive():
            self.kill()
            self.join()
        _close(self._hear)


class ModelError(Exception):
    """Carries the child's traceback behind the one clear sentence."""

    def __init__(self, failure: Failure) -> None:
        super().__init__("\n" + failure.trace)


class Actors(MultiProcessing):
    """Lava's message infrastructure with our actors; what it opens, `end` and `free` close."""

    _smm: Any
    _actors: list[Actor]

    def start(self) -> None:
        """Starts the server that owns the shared memory."""
        self._smm = SharedMemoryManager()
        self._smm._manager.start(*((die_with_parent, (os.getpid(),)) if in_main_thread() else ()))

    def build_actor(self, target_fn: Any, builder: Any, exception_q: Any = None) -> Actor:
        """Starts the child for one builder; Lava's own target function and exception queue stay unused."""
        model = getattr(builder, "proc_model", None)
        actor = Actor(model.implements_process.__name__ if model else "runtime service", builder)
        self._actors.append(actor)
        actor.start()
        return actor

    def end(self, grace: float) -> None:
        """Gives all children `grace` seconds to end by themselves, then kills and reaps the rest."""
        deadline = time.monotonic() + grace
        for actor in self._actors:
            actor.end(max(0.0, deadline - time.monotonic()))
        self._actors.clear()

    def free(self) -> None:
        """Frees all shared memory and ends its server; calling it again does nothing."""
        if self._smm is None:
            return
        for handle in self._smm._shared_memory_handles:
            with contextlib.suppress(BufferError):
                handle.close()
        self._smm._shared_memory_handles.clear()
        with contextlib.suppress(OSError, EOFError):
            self._smm.shutdown()
        self._smm = None

    def stop(self) -> None:
        """What Lava calls in a destructor."""
        self.end(grace=0.0)
        self.free()


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the block is done, so that starting or ending children is never left half-way."""
    if not in_main_thread():
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if caught and callable(before):
            before(*caught[0])


def in_main_thread() -> bool:
    """Whether the caller runs in the main thread: the one that handles Ctrl-C and lives as long as the program."""
    return threading.current_thread() is threading.main_thread()


def die_with_parent(parent: int) -> None:
    """On Linux, has the kernel end this process when the parent's thread that forked it ends, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it had ended already
            os._exit(1)


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, NexusError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _close(connection: Connection) -> None:
    with contextlib.suppress(OSError):
        connection.close()
