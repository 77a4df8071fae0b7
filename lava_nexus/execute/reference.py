"""The strict reference: every invocation evaluated by its golden function. No neuron takes part.

Whole sums have a compiled form with the same bits and tallies (`execute.reference_sums`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.bank import Bank
from lava_nexus.execute.executor import LEVELS, Evaluated, Executor, bank_rows
from lava_nexus.execute.operands import Operands
from lava_nexus.execute.tallies import BankTally, Tally
from lava_nexus.populations import Operator
from lava_nexus.programs.nodes import Folded
from lava_nexus.programs.product import Exact, Product


class ReferenceExecutor(Executor):
    """Golden functions in place of neurons: nothing to count but invocations."""

    name = "reference"
    level = LEVELS["reference"]
    count = False
    native = "golden"

    def _evaluate(self, circuit: Circuit, operands: Operands) -> Evaluated:
        return circuit.golden.every_output(*np.broadcast_arrays(*operands.given)), Tally(circuit, operands.sets)

    def contracted(self, how: Product, left: NDArray[Any], right: NDArray[Any], bias: NDArray[Any] | None) -> Any:
        """Sums in one go, where golden functions of products and sums are IEEE hardware's, or the sum is exact."""
        from lava_nexus.execute.reference_sums import contracted  # numba, which few programs need

        return contracted(self.tallies, how, left, right, bias)

    def folded(self, how: Folded | Exact, values: NDArray[Any]) -> Any:
        """Sums of values in one go, as `contracted`."""
        from lava_nexus.execute.reference_sums import folded

        return folded(self.tallies, how, values)

    def invoke_bank(self, bank: Bank, operands: NDArray[Any], columns: slice, terms: slice) -> NDArray[Any]:
        """The general circuit's golden function; see `Executor.invoke_bank`."""
        self.tallies.add(BankTally(bank, bank_rows(operands, columns, terms)))
        weights = bank.weights[columns, terms].T
        return bank.golden(*np.broadcast_arrays(operands[..., None], weights[:, None, :]))

    def _operate(self, operator: Operator, x: NDArray[np.int64]) -> tuple[NDArray[np.int64], Tally]:
        return operator.golden(x), Tally(operator, len(x))
