"""The bit-sliced executor: every neuron of a circuit, 64 operand sets to a machine word, spikes counted exactly."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.bank import Bank
from lava_nexus.circuits.circuit import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu.allocation import word_program
from lava_nexus.execute.executor import BankTally, Executor, Tallies, Tally, bank_rows
from lava_nexus.lowering.ordered import Variant

if TYPE_CHECKING:
    from lava_nexus.execute.cpu.blocks import BlockRunner


class BitslicedExecutor(Executor):
    """Evaluates circuits by word operations compiled for the machine.

    Accepts memoryless threshold networks. Spikes of strobe, inputs and neurons are exact integers over the run.

    Attributes:
        count: True counts spikes, "activity" active neuron updates too, False nothing.
    """

    name = "bitsliced"
    level = "word logic"

    def __init__(self, count: bool | Literal["activity"] = True, threads: int | None = None) -> None:
        """Threads: at most that many, None for the processors this process may use; 1 makes no thread.

        Raises:
            NexusError: `count` or `threads` is not one of these.
        """
        from lava_nexus.execute.cpu.blocks import Workers

        super().__init__()
        if count not in (True, False, "activity"):
            raise NexusError(f"count {count!r} is not one of True, False, 'activity'")
        if threads is not None and threads < 1:
            raise NexusError(f"threads {threads} is below 1")
        self.count = count
        self._variant: Variant = "activity" if count == "activity" else "spikes" if count else "outputs"
        self._workers = Workers(threads or _processors())
        self._runners: dict[str, BlockRunner] = {}

    def invoke(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """The circuit on every element of the broadcast operands.

        Args:
            circuit: what to evaluate.
            operands: patterns, one array an input port, of shapes that broadcast, dtype of the port's `pattern_dtype`.

        Returns:
            Patterns of the output port in the broadcast shape.

        Raises:
            NexusError: the number of operands, a dtype or the shapes do not fit.
        """
        return self.invoke_all(circuit, operands)[0]

    def invoke_all(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """As `invoke`: patterns of every output port."""
        runner = self._runner(circuit)
        shape = _common_shape(circuit, operands, runner.dtypes)
        n = prod(shape)
        if n == 0:
            counts = np.zeros(runner.program.n_counts, dtype=np.int64)
            results = [np.empty(0, dtype) for dtype in runner.dtypes[runner.n_inputs :]]
        else:
            results, counts = runner.run([_flat(operand, shape) for operand in operands], n, self._workers)
        tally = Tally(circuit, n)
        if self.count:
            tally.signal_spikes = counts[runner.program.signal_counts]
        if self.count == "activity":
            tally.active = int(counts[runner.program.probe_counts].sum())
        self.tallies.add(tally)
        return tuple(result.reshape(shape) for result in results)

    def invoke_bank(self, bank: Bank, operands: NDArray[Any], columns: slice, terms: slice) -> NDArray[Any]:
        """As `Executor.invoke_bank`, all circuits in one compiled loop; active updates are counted with the spikes."""
        from lava_nexus.execute.cpu.bank import run_members

        weights, chosen = bank.weights[columns, terms].T, bank.chosen[columns, terms].T
        tally = BankTally(bank, bank_rows(operands, columns, terms))
        if self.count or not bank.sampled:
            places = np.nonzero(chosen)
            found, counts = run_members(bank, weights[places], operands, places[0].astype(np.int64))
        if self.count:
            tally = BankTally(bank, tally.invocations, None, None, *counts.tolist())
        if bank.sampled:
            before, self.tallies = self.tallies, Tallies()
            results = self.invoke(bank.general, [operands[..., None], weights[:, None, :]])
            self.tallies = before
        else:
            results = np.ascontiguousarray(np.moveaxis(found.reshape(*weights.shape, -1), 1, -1))
        self.tallies.add(tally)
        return results

    def _runner(self, circuit: Circuit) -> BlockRunner:
        from lava_nexus.execute.cpu.blocks import BlockRunner

        network = circuit.network
        if network.digest not in self._runners:
            program = word_program(network, self._variant)
            self._runners[network.digest] = BlockRunner(program, network.inputs, network.outputs)
        return self._runners[network.digest]


def _processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _common_shape(
    circuit: Circuit, operands: Sequence[NDArray[Any]], dtypes: Sequence[np.dtype[Any]]
) -> tuple[int, ...]:
    if len(operands) != len(circuit.inputs):
        raise NexusError(f"circuit {circuit.name} takes {len(circuit.inputs)} operands, got {len(operands)}")
    for port, operand, dtype in zip(circuit.inputs, operands, dtypes, strict=False):
        if operand.dtype != dtype:
            raise NexusError(
                f"operand {port.name} of circuit {circuit.name} holds {operand.dtype}, not patterns of dtype {dtype}"
            )
    try:
        return np.broadcast_shapes(*(operand.shape for operand in operands))
    except ValueError as error:
        shapes = " and ".join(str(operand.shape) for operand in operands)
        raise NexusError(f"operands of circuit {circuit.name} have shapes {shapes}, which do not broadcast") from error


def _flat(operand: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Patterns of every set in a row, or one pattern where all sets have the same."""
    if operand.size == 1:
        return np.ascontiguousarray(operand).reshape(1)
    return np.ascontiguousarray(np.broadcast_to(operand, shape)).reshape(-1)
