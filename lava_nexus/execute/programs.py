"""Whole programs by the name of an executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import ProgramResult, run_program
from lava_nexus.execute.run import DEFAULT_EXECUTOR, executor_named
from lava_nexus.programs.program import Program


@dataclass
class ProgramRunner:
    """Runs programs by one executor.

    Attributes:
        executor: name of an executor, or one that is made.
        options: of an executor that is named.
    """

    executor: str | Executor = DEFAULT_EXECUTOR
    options: Mapping[str, Any] = field(default_factory=dict)
    _made: Executor | None = None

    @property
    def name(self) -> str:
        """What configs call the executor."""
        return self.executor if isinstance(self.executor, str) else self.executor.name

    @property
    def level(self) -> str:
        """What evaluates a neuron."""
        return self._evaluator().program_level

    @property
    def measured_joules(self) -> float | None:
        """By a probe of the hardware, over all runs so far; None where nothing was measured."""
        return None if self._made is None else self._made.measured_joules

    def begin(self, part: int) -> None:
        """See `Executor.begin`."""
        self._evaluator().begin(part)

    def run(self, program: Program, feeds: Mapping[str, NDArray[Any]]) -> ProgramResult:
        """A program on patterns of shape (batch, *input shape); see `run_program`."""
        return run_program(program, feeds, self._evaluator())

    def _evaluator(self) -> Executor:
        if self._made is None:
            self._made = executor_named(self.executor, **self.options)
        return self._made
