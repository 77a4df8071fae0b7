"""The strict reference: every invocation evaluated by its golden function. No neuron takes part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.bank import Bank
from lava_nexus.execute.executor import BankTally, Executor, Tally, bank_rows, operator_patterns
from lava_nexus.populations import Operator


class ReferenceExecutor(Executor):
    """Golden functions in place of neurons: nothing to count but invocations."""

    name = "reference"
    level = "reference"

    def invoke(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """The golden function on every element of the broadcast operands."""
        return self.invoke_all(circuit, operands)[0]

    def invoke_all(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """The golden function of every output port."""
        found = circuit.golden(*np.broadcast_arrays(*operands))
        results = found if isinstance(found, tuple) else (found,)
        self.tallies.add(Tally(circuit, results[0].size))
        return results

    def invoke_bank(self, bank: Bank, operands: NDArray[Any], columns: slice, terms: slice) -> NDArray[Any]:
        """The general circuit's golden function; see `Executor.invoke_bank`."""
        self.tallies.add(BankTally(bank, bank_rows(operands, columns, terms)))
        weights = bank.weights[columns, terms].T
        return bank.golden(*np.broadcast_arrays(operands[..., None], weights[:, None, :]))

    def operate(self, operator: Operator, operand: NDArray[Any]) -> NDArray[Any]:
        """The operator's integer program on every row."""
        x = operator.in_format.from_patterns(operand).astype(np.int64).reshape(-1, operator.size)
        self.tallies.add(Tally(operator, len(x)))
        return operator_patterns(operator, operator.golden(x), operand.shape)
