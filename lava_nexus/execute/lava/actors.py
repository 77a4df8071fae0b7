"""The operating-system processes that Lava's models live in: none can fail unseen, none outlives its parent."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing as mp
import os
import secrets
import signal
import sys
import time
import traceback
from multiprocessing import managers
from types import FrameType
from typing import Any, NamedTuple

from lava.magma.core.model.model import AbstractProcessModel
from lava.magma.runtime.message_infrastructure.multiprocessing import MultiProcessing
from lava.magma.runtime.message_infrastructure.shared_memory_manager import SharedMemoryManager

from lava_nexus.errors import NexusError
from lava_nexus.signals import ENDING, in_child, in_main_thread

_PR_SET_PDEATHSIG = 1
_ASK: int | None = getattr(signal, "SIGUSR1", None)
_PARENTS = {number: signal.SIG_IGN for number in ENDING if number != signal.SIGTERM}
"""What a terminal sends to parent and children alike is the parent's to answer; SIGTERM ends a child."""


class Failure(NamedTuple):
    """What ended a model.

    Attributes:
        sentence: the exception in one line; a NexusError's own sentence as it stands.
        trace: the traceback in the child, for the developer.
    """

    sentence: str
    trace: str


class Doing(NamedTuple):
    """What a model was at when it was asked: `where` is empty for one that waits for its next command."""

    where: str


class Actor(mp.Process):
    """One child process that builds and runs one model, and tells the parent by pipe that it is built or has failed.

    Nothing is printed by the child: its exception travels as text, so it need not be picklable either.

    Attributes:
        title: name of the Lava Process inside, for messages.
        built: whether the model exists and waits for commands.
        failure: why the model ended, if it did.
        doing: what the model was at when it was last asked.
    """

    def __init__(self, title: str, builder: Any) -> None:
        super().__init__(name=f"lava {title}", daemon=True)
        self.title = title
        self.built = False
        self.failure: Failure | None = None
        self.doing: Doing | None = None
        self._builder = builder
        self._parent = os.getpid() if in_main_thread() else None
        self._hear, self._tell = mp.Pipe(duplex=False)

    def start(self) -> None:
        """Forks; the child's end of the pipe stays with the child alone, so that its death is heard."""
        super().start()
        self._tell.close()

    def run(self) -> None:
        """The child: build the model and serve Lava's commands until told to stop."""
        in_child(_PARENTS)
        if _ASK is not None:
            signal.signal(_ASK, lambda _, frame: self._tell.send(Doing(_where(frame))))
        if self._parent is not None:
            die_with_parent(self._parent)
        try:
            model = self._builder.build()
            self._tell.send(None)
            model.start()
        except BaseException as error:  # whatever it is, the parent must hear of it
            self._tell.send(Failure(_sentence(error), _trace()))

    def listen(self) -> None:
        """Takes in what the child has said so far."""
        with contextlib.suppress(EOFError, OSError):
            while self._hear.poll():
                said = self._hear.recv()
                if isinstance(said, Doing):
                    self.doing = said
                    continue
                self.built = self.built or said is None
                self.failure = said or self.failure

    def ask(self) -> None:
        """Has the child tell what it is doing, where it still can."""
        self.doing = None
        if _ASK is not None and self.built and self.is_alive() and self.pid is not None:
            with contextlib.suppress(OSError):
                os.kill(self.pid, _ASK)

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
        self.discard()

    def discard(self) -> None:
        """Closes the parent's end of the pipe."""
        for connection in (self._hear, self._tell):
            with contextlib.suppress(OSError):
                connection.close()


class ModelError(Exception):
    """Carries the child's traceback behind the one clear sentence."""

    def __init__(self, failure: Failure) -> None:
        super().__init__("\n" + failure.trace)


class Actors(MultiProcessing):
    """Lava's message infrastructure with our actors; what it opens, `end` and `free` close."""

    _smm: Any
    _actors: list[Actor]

    def start(self) -> None:
        """Starts the server that owns the shared memory.

        Raises:
            NexusError: the system refuses.
        """
        try:
            self._smm = SharedMemoryManager()
            if sys.platform == "linux":  # a name without a file: no folder stays, however the program ends
                self._smm._manager = managers.SharedMemoryManager(f"\0lava-nexus-{os.getpid()}-{secrets.token_hex(8)}")
            self._smm._manager.start(_serve, (os.getpid() if in_main_thread() else None,))
        except (OSError, EOFError) as error:
            raise NexusError(f"Lava's server of shared memory cannot be started: {_words(error)}") from error

    def build_actor(self, target_fn: Any, builder: Any, exception_q: Any = None) -> Actor:
        """Starts the child for one builder; Lava's own target function and exception queue stay unused.

        Raises:
            NexusError: the system refuses.
        """
        model = getattr(builder, "proc_model", None)
        title = model.implements_process.__name__ if model else "runtime service"
        try:
            actor = Actor(title, builder)
            actor.start()
        except OSError as error:
            raise NexusError(
                f"Lava Process {title} cannot be started, after {len(self._actors)} others: {_words(error)}"
            ) from error
        self._actors.append(actor)
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
        with contextlib.suppress(OSError, EOFError, AttributeError):  # it has no shutdown where it never started
            self._smm.shutdown()
        self._smm = None

    def stop(self) -> None:
        """What Lava calls in a destructor."""
        self.end(grace=0.0)
        self.free()


def die_with_parent(parent: int) -> None:
    """On Linux, has the kernel end this process when the parent's thread that forked it ends, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it had ended already
            os._exit(1)


def _serve(parent: int | None) -> None:
    """In the server of shared memory: no signal ends it, its parent does, by a message or by ending itself."""
    in_child({number: signal.SIG_IGN for number in ENDING})
    if parent is not None:
        die_with_parent(parent)


def _sentence(error: BaseException) -> str:
    """Kind and words of an error; its kind alone where its words cannot be had."""
    try:
        text = " ".join(str(error).split())
    except Exception as other:  # a model's own exception may fail to tell itself
        text = f"its text cannot be had ({type(other).__name__})"
    if isinstance(error, NexusError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _where(frame: FrameType | None) -> str:
    """The line of a model's own code that is at work, and whether it waits for a message there."""
    waits = False
    while frame is not None:
        code = frame.f_code
        waits = waits or code.co_name == "recv"
        if isinstance(frame.f_locals.get("self"), AbstractProcessModel) and "lava/magma" not in code.co_filename:
            where = f"{code.co_name} ({os.path.basename(code.co_filename)}, line {frame.f_lineno})"
            return f"waits for a message in {where}" if waits else f"is in {where}"
        frame = frame.f_back
    return ""


def _trace() -> str:
    try:
        return traceback.format_exc()
    except Exception:
        return "".join(traceback.format_tb(sys.exc_info()[2]))


def _words(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or "it ended at once").lower()
