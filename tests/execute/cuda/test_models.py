"""Whole models side by side, as the benchmark compares them: one wrong bit of one layer is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cuda_models import model_of, unequal_beside
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.tallies import ProgramResult
from lava_nexus.programs import Program


class _Wrong(ReferenceExecutor):
    """One bit is another one of what the last layer leaves of one more token: angles and two layers ran twice."""

    programs = 0

    def run_whole(self, program: Program, feeds: Mapping[str, NDArray[Any]]) -> ProgramResult | None:
        """The reference's results, the sixth with a wrong bit."""
        found = run_program(program, feeds, ReferenceExecutor())
        self.programs += 1
        if self.programs == 6:
            found.outputs["hidden"][0, 0, 5] ^= np.uint32(1)
        return found


def test_one_wrong_bit_is_told() -> None:
    model = model_of("qwen3_0.6b", tiny=True)
    assert unequal_beside(model, (ReferenceExecutor(), ReferenceExecutor()), 4, 2) == [0, 0]
    assert unequal_beside(model, (ReferenceExecutor(), _Wrong()), 4, 2) == [0, 1]
