"""Whole programs by the name of an executor: the interpreter for most, Lava Processes for `lava`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import ProgramResult, run_program
from lava_nexus.execute.run import executor_named
from lava_nexus.programs.program import Program


@dataclass
class ProgramRunner:
    """Runs programs by one executor.

    Attributes:
        executor: "bitsliced", "membrane", "lava", "loihi2", "reference", or an executor.
        options: of `run_on_lava` where it is "lava", else of the executor.
    """

    executor: str | Executor = "bitsliced"
    options: Mapping[str, Any] = field(default_factory=dict)
    _made: Executor | None = None

    @property
    def name(self) -> str:
        """What configs call the executor."""
        return self.executor if isinstance(self.executor, str) else self.executor.name

    @property
    def level(self) -> str:
        """What evaluates a neuron."""
        if self.executor == "lava":
            return str(self.options.get("level", "word logic"))
        return self._evaluator().level

    @property
    def measured_joules(self) -> float | None:
        """By a probe of the hardware, over all runs so far; None where nothing was measured."""
        return None if self._made is None else self._made.measured_joules

    def begin(self, part: int) -> None:
        """See `Executor.begin`."""
        if self.executor != "lava":
            self._evaluator().begin(part)

    def run(self, program: Program, feeds: Mapping[str, NDArray[Any]]) -> ProgramResult:
        """A program on patterns of shape (batch, *input shape).

        Raises:
            NexusError: an input that does not fit, options that do not exist, or a run that failed.
        """
        if self.executor != "lava":
            return run_program(program, feeds, self._evaluator())
        from lava_nexus.execute.lava.program import run_on_lava

        try:
            return run_on_lava(program, feeds, **self.options)
        except TypeError as error:
            raise NexusError(f"executor 'lava' does not take these options: {error}") from error

    def _evaluator(self) -> Executor:
        if self._made is None:
            given = self.executor
            self._made = executor_named(given, **self.options) if isinstance(given, str) else given
        return self._made
