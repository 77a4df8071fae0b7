"""Runs a graph of Lava Processes: it ends well, or with one clear error and nothing left behind; it never hangs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, get_args

from lava.magma.compiler.compiler_graphs import ProcGroupDiGraphs
from lava.magma.core.process.process import AbstractProcess, ProcessServer
from lava.magma.core.process.variable import VarServer
from lava.magma.core.run_configs import Loihi2SimCfg, RunConfig

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import level_word
from lava_nexus.execute.lava.lif import Level
from lava_nexus.execute.lava.process import Process, compiled, given
from lava_nexus.execute.lava.runtime import WatchedRuntime
from lava_nexus.execute.operands import whole_number


class LevelRunConfig(Loihi2SimCfg):
    """Prefers models tagged with the level, then fixed-point ones, then whatever Lava would choose.

    Lava demands its own `select_tag` of every model of a graph, so that one tag cannot serve both a Process of ours and
    Lava's LIF beneath it; and its `select` can raise IndexError where a Process has several tagged SubProcessModels.
    """

    def __init__(self, level: Level = "vectorised") -> None:
        super().__init__()
        self.level = level_word(level, get_args(Level), "Lava level")
        self.exception_proc_model_map = _ModelsBeside(self)

    def select(self, process: Any, proc_models: list[Any]) -> Any:
        """The first model with the level's tag, or the first with `fixed_pt`, or the stock choice."""
        for tag in (self.level, "fixed_pt"):
            for model in proc_models:
                if tag in model.tags:
                    return model
        return super().select(process, proc_models)


class _ModelsBeside(dict[Any, Any]):
    """Answers Lava's question for a Process's model from the Process's own module, where that has models of it.

    Lava asks this map first; without it, it executes every file of the Process's folder anew, for every Process.
    """

    def __init__(self, run_config: LevelRunConfig) -> None:
        super().__init__()
        self._run_config = run_config

    def __contains__(self, process: object) -> bool:
        return isinstance(process, Process) and bool(_models_beside(process))

    def __getitem__(self, process: Process) -> Any:
        return self._run_config.select(process, _models_beside(process))


def _models_beside(process: Process) -> list[Any]:
    return list(ProcGroupDiGraphs._find_proc_models_in_module(process, sys.modules[type(process).__module__]))


class Session:
    """A compiled and started graph, for several runs in a row; a context manager.

    Whatever goes wrong, KeyboardInterrupt included, ends all children and frees all shared memory before it is raised.

    Args:
        process: any Process of the graph; a graph is started once.
        level: which models to prefer, "vectorised" or "lif".
        timeout: seconds that starting, and each run, may take.
        run_config: what chooses the models instead of the level.
        compile_config: further options of Lava's compiler.
    """

    def __init__(
        self,
        process: AbstractProcess,
        level: Level = "vectorised",
        timeout: float = 60.0,
        run_config: RunConfig | None = None,
        compile_config: Mapping[str, Any] | None = None,
    ) -> None:
        given(process, AbstractProcess, "a Lava session")
        if process.runtime is not None:
            raise NexusError(f"Lava Process {process.name} was started before; build its graph anew to start it again")
        self._timeout = timeout
        self._steps = 0
        executable = _compiled(process, run_config or LevelRunConfig(level), compile_config or {})
        self._runtime = WatchedRuntime(executable, timeout)
        executable.assign_runtime_to_all_processes(self._runtime)
        self._guard(self._runtime.initialize)

    @property
    def steps(self) -> int:
        """Time steps run so far."""
        return self._steps

    @property
    def closed(self) -> bool:
        """Whether the children are gone."""
        return self._runtime.closed

    @property
    def processes(self) -> int:
        """Operating-system processes in use: models, Lava's runtime services and its shared-memory server."""
        return self._runtime.processes

    def run(self, steps: int) -> None:
        """Runs `steps` more time steps; raises as `run` does."""
        if self.closed:
            raise NexusError("this Lava session is closed; start a new one")
        whole_number("Lava run's number of steps", steps)
        self._guard(lambda: self._runtime.run_steps(steps))
        self._steps += steps

    def close(self) -> None:
        """Ends all children and frees all shared memory; calling it again does nothing."""
        self._runtime.stop()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._runtime.abandon()

    def _guard(self, action: Callable[[], Any]) -> None:
        self._runtime.deadline = time.monotonic() + self._timeout
        try:
            action()
        except BaseException as error:
            self._runtime.abandon()
            if isinstance(error, NexusError) or not isinstance(error, Exception):
                raise  # Ctrl-C and SIGTERM keep their meaning
            raise NexusError(f"Lava run failed: {type(error).__name__}: {error}") from error
        finally:
            self._runtime.deadline = float("inf")


def run(process: AbstractProcess, steps: int, level: Level = "vectorised", timeout: float = 60.0) -> None:
    """Runs `process` and everything connected to it for `steps` time steps, then ends it.

    Raises:
        NexusError: a model raised, a child died, or starting or running took more than `timeout` seconds.
    """
    with Session(process, level, timeout) as session:
        session.run(steps)


def _compiled(process: AbstractProcess, run_config: RunConfig, options: Mapping[str, Any]) -> Any:
    try:
        return compiled(process, run_config, options)
    finally:
        # Lava keeps every Process and Var ever made, and all their arrays, in two registries that nothing reads.
        ProcessServer().processes.clear()
        VarServer().vars.clear()
