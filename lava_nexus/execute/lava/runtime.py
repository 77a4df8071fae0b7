"""Lava's Runtime, made so that no wait can last for ever.

Lava 0.10.0 waits without limit for models that may be dead (`Runtime._get_resp_for_run`, `Runtime.stop`), and a model
that raises leaves its neighbours waiting for its message. Here every wait listens to the children and to a clock.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from lava.magma.core.process.message_interface_enum import ActorType
from lava.magma.core.run_conditions import RunSteps
from lava.magma.runtime.mgmt_token_enums import MGMT_COMMAND, MGMT_RESPONSE, enum_equal
from lava.magma.runtime.runtime import Runtime

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.actors import Actors
from lava_nexus.signals import signals_held

_POLL_SECONDS = 0.02
_STOP_SECONDS = 5.0
_REPORT_SECONDS = 1.0
_ANSWER_SECONDS = 0.5


class WatchedRuntime(Runtime):
    """Lava's Runtime whose every wait also watches the children and a deadline.

    Attributes:
        deadline: moment (time.monotonic) at which waiting gives up.
        closed: whether children and shared memory are gone.
    """

    service_to_runtime: Any
    runtime_to_service: Any

    def __init__(self, executable: Any, timeout: float) -> None:
        super().__init__(executable, ActorType.MultiProcessing)
        self.deadline = float("inf")
        self.closed = False
        self._timeout = timeout
        self._owner = os.getpid()  # a forked child may collect what it inherited, but must not stop it
        self._infrastructure = Actors()
        self._bell = threading.Event()
        self._gone_since = float("inf")
        _open_runtimes.add(self)

    def __del__(self) -> None:
        self.stop()

    @property
    def processes(self) -> int:
        """Children alive, the shared-memory server counted."""
        return 0 if self.closed else len(self._infrastructure.actors) + 1

    def initialize(self, node_cfg_idx: int = 0) -> None:
        """Starts the children and waits until every model is built; ends them where that fails."""
        try:
            self._initialize()
        except BaseException:
            self.abandon()
            raise

    def _initialize(self) -> None:
        with signals_held():
            stages = (
                self._build_watchdog_manager,
                self._build_message_infrastructure,
                self._build_channels,
                self._build_sync_channels,
                self._build_processes,
                self._build_runtime_services,
                self._start_ports,
            )
            for build in stages:
                build()
        self.exception_q.clear()
        for port in self.service_to_runtime:
            port.observer = self._bell.set
        self._await(lambda: all(actor.built for actor in self._infrastructure.actors))
        self.service_to_runtime = [_WatchedPort(port, self._await) for port in self.service_to_runtime]
        self.runtime_to_service = [_WatchedPort(port, self._await) for port in self.runtime_to_service]
        self._is_initialized = True

    def _build_message_infrastructure(self) -> None:
        self._messaging_infrastructure = self._infrastructure
        self._infrastructure.start()

    def start(self, run_condition: Any) -> None:
        """As Lava's; whatever goes wrong ends all children before it is raised."""
        try:
            super().start(run_condition)
        except BaseException:
            self.abandon()
            raise

    def run_steps(self, steps: int) -> None:
        """Runs and waits for the end."""
        self.start(RunSteps(num_steps=steps, blocking=True))

    def _get_resp_for_run(self) -> None:
        for port in self.service_to_runtime:
            answer = port.recv()
            if enum_equal(answer, MGMT_RESPONSE.ERROR):
                # The model's own sentence is on its way through its pipe.
                self.deadline = min(self.deadline, time.monotonic() + _REPORT_SECONDS)
                self._await(lambda: False, "reporting an error")
            if not enum_equal(answer, MGMT_RESPONSE.DONE):
                raise NexusError(f"Lava answered {answer} where a run's end was due")
        self._is_running = False

    def _await(self, ready: Callable[[], bool], doing: str = "working") -> None:
        while not ready():
            self._check()
            if time.monotonic() > self.deadline:
                raise NexusError(
                    f"Lava processes were still {doing} after the timeout of {self._timeout:g} s{self._at_work()}"
                )
            self._bell.wait(_POLL_SECONDS)
            self._bell.clear()

    def _at_work(self) -> str:
        """What the models that are not done are doing, two of them named, those that wait for others last."""
        actors = self._infrastructure.actors
        for actor in actors:
            actor.ask()
        until = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < until and any(actor.built and actor.doing is None for actor in actors):
            time.sleep(_POLL_SECONDS)
            for actor in actors:
                actor.listen()
        told = [(actor.title, actor.doing.where) for actor in actors if actor.doing and actor.doing.where]
        found = [f"{title} {where}" for title, where in sorted(told, key=lambda one: one[1].startswith("waits"))]
        more = f" and {len(found) - 2} more" if len(found) > 2 else ""
        return f": {', '.join(found[:2])}{more}" if found else ""

    def _check(self) -> None:
        """Raises the error of the child that failed or died.

        When a model fails, Lava has its neighbours end in order; they must not take the blame while it reports.
        """
        actors = self._infrastructure.actors
        gone = [actor for actor in actors if actor.gone]
        for actor in actors:
            actor.listen()
            if actor.failure or (actor in gone and actor.exitcode != 0):
                raise actor.blame()
        if not gone:
            self._gone_since = float("inf")
        elif time.monotonic() > self._gone_since + _REPORT_SECONDS:
            raise gone[0].blame()
        else:
            self._gone_since = min(self._gone_since, time.monotonic())

    def stop(self) -> None:
        """Ends the run in order; children that do not follow are killed. Lava calls this in destructors, too."""
        if self.closed or os.getpid() != self._owner:
            return
        self.deadline = time.monotonic() + _STOP_SECONDS
        grace = 0.0
        try:
            if self._is_initialized and not self._is_running:
                self._say_stop()
                grace = 1.0
        except NexusError:
            pass  # a child that is gone, or does not answer, is killed below
        finally:
            self._close(grace)

    def abandon(self) -> None:
        """Kills all children at once and frees all shared memory."""
        self._close(grace=0.0)

    def _say_stop(self) -> None:
        for port in self.runtime_to_service:
            port.send(MGMT_COMMAND.STOP)
        for port in self.service_to_runtime:
            port.recv()

    def _close(self, grace: float) -> None:
        if self.closed or os.getpid() != self._owner:
            return
        with signals_held():
            self.closed = True
            self._is_started = self._is_running = False
            for actor in self._infrastructure.actors if grace == 0.0 else ():
                actor.kill()
            self._infrastructure.end(grace)
            self._close_ports()
            self._infrastructure.free()

    def _close_ports(self) -> None:
        """Ends the threads of the ports opened here and lets go of the memory that they look into."""
        for port in [*self._open_ports, *_external_ports(self._executable)]:
            port.join()
            port._array = []
        self._open_ports.clear()


_open_runtimes: weakref.WeakSet[WatchedRuntime] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    """At the end of the program, before multiprocessing ends what is left."""
    for runtime in list(_open_runtimes):
        runtime.stop()


class _WatchedPort:
    """A channel's end whose blocking calls watch the children and the deadline while they wait."""

    def __init__(self, port: Any, wait: Callable[[Callable[[], bool]], None]) -> None:
        self._port = port
        self._wait = wait
        self.probe = port.probe

    def recv(self) -> Any:
        self._wait(self._port.probe)
        return self._port.recv()

    def send(self, data: Any) -> None:
        self._wait(self._port.probe)
        self._port.send(data)


def _external_ports(executable: Any) -> list[Any]:
    """The host's ends of Lava's Injector and Extractor channels."""
    names = ("external_pipe_csp_send_port", "external_pipe_csp_recv_port")
    ports = [p for process in executable.process_list for p in (*process.in_ports, *process.out_ports)]
    return [getattr(port, name) for port in ports for name in names if hasattr(port, name)]
