"""The ULP tables: layers forward and backward, and single operations, by neurons, reference, PyTorch and float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import reference
from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.config.ulp_tables import UlpTablesConfig
from lava_nexus.errors import NexusError
from lava_nexus.executors.executor import Executor
from lava_nexus.executors.interpret import run_program
from lava_nexus.executors.reference import ReferenceExecutor
from lava_nexus.executors.run import executor_named
from lava_nexus.formats import FLOAT64, FloatFormat
from lava_nexus.layers.writer import Writer
from lava_nexus.layers.program import Program
from lava_nexus.tables.comparison import Answers, Patterns, UlpRow, joined, row
from lava_nexus.tables.components import component_feeds, component_program, random_values
from lava_nexus.tables.ulp_report import write_ulp_report

Values = NDArray[Any]

TOGETHER = "forward + backward"
_QUICK = 2048
# Where a negative operand has no result, |N(0, 1)| is drawn.
_POSITIVE = ("sqrt", "rsqrt", "log")


def run_ulp_tables(config: UlpTablesConfig, out: Path, quick: bool = False) -> list[UlpRow]:
    """Measures every row, writes ulp_tables.{md,csv,json} and two figures to `out`, prints the tables; returns the rows.

    With `quick` on the first 2,048 inputs at most.

    Raises:
        NexusError: an operation that does not exist or has no PyTorch counterpart, or, after the report is written,
            a row in which the neurons differ from the strict reference.
    """
    if quick:
        config = config.model_copy(update={"inputs": tuple(sorted({min(n, _QUICK) for n in config.inputs}))})
    names = _operations(config)
    rows = [r for name in config.components for r in _component_rows(name, config)]
    rows += [r for name in names for r in _operation_rows(name, config)]
    print(write_ulp_report(rows, config.resolved(), out))
    for r in rows:
        strict = r.measured["strict"]
        if strict is not None and strict.ulp.unequal_bits:
            raise NexusError(
                f"'{r.label}' on {r.inputs} inputs: {strict.ulp.unequal_bits} of {strict.ulp.count} results of the neurons "
                f"differ from the strict reference, by at most {strict.ulp.max} ULP"
            )
    return rows
