"""The bit-sliced executor: every neuron of a circuit, 64 operand sets to a machine word, spikes counted exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.bank import Bank
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu.program import word_program
from lava_nexus.execute.executor import LEVELS, Evaluated, Executor, bank_rows
from lava_nexus.execute.operands import Operands, whole_number
from lava_nexus.execute.tallies import BankTally, Tally
from lava_nexus.lowering.ordered import Variant
from lava_nexus.store import processors

if TYPE_CHECKING:
    from lava_nexus.execute.cpu.blocks import BlockRunner


class BitslicedExecutor(Executor):
    """Evaluates circuits by word operations compiled for the machine.

    Accepts memoryless threshold networks. Spikes of strobe, inputs and neurons are exact integers over the run.

    Attributes:
        count: True counts spikes, "activity" active neuron updates too, False nothing.
    """

    name = "bitsliced"
    level = LEVELS["word"]
    native = "digits"

    def __init__(
        self,
        count: bool | Literal["activity"] = True,
        threads: int | None = None,
        straight: bool | None = None,
    ) -> None:
        """Threads: at most that many, None for the processors this process may use; 1 makes no thread.

        Straight: whether networks run as straight-line machine code (compiled once, then kept on disk) or by a loop
        over their operations; None takes the code where it is on disk, or once compiling it is worth its while.

        Raises:
            NexusError: `count`, `threads` or `straight` is not one of these.
        """
        from lava_nexus.execute.cpu.blocks import Workers

        super().__init__()
        if not isinstance(count, bool) and count != "activity":
            raise NexusError(f"count {count!r} is not one of True, False, 'activity'")
        if straight not in (None, True, False):
            raise NexusError(f"straight {straight!r} is not one of None, True, False")
        self.count = count
        self._straight = straight
        self._variant: Variant = "activity" if count == "activity" else "spikes" if count else "outputs"
        self.threads: int = processors() if threads is None else whole_number("threads", threads)
        self._workers = Workers(self.threads)
        self._runners: dict[str, BlockRunner] = {}

    def _evaluate(self, circuit: Circuit, operands: Operands) -> Evaluated:
        runner = self._runner(circuit)
        results, counts = runner.run(operands.flat, operands.sets, self._workers)
        tally = Tally(circuit, operands.sets)
        if self.count:
            tally.signal_spikes = counts[runner.program.signal_counts]
        if self.count == "activity":
            tally.active = int(counts[runner.program.probe_counts].sum())
        return results, tally

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
            with self.apart(add=False):
                results = self.invoke(bank.general, [operands[..., None], weights[:, None, :]])
        else:
            results = np.ascontiguousarray(np.moveaxis(found.reshape(*weights.shape, -1), 1, -1))
        self.tallies.add(tally)
        return results

    def _runner(self, circuit: Circuit) -> BlockRunner:
        from lava_nexus.execute.cpu.blocks import BlockRunner

        network = circuit.network
        if network.digest not in self._runners:
            program = word_program(network, self._variant)
            self._runners[network.digest] = BlockRunner(program, network.inputs, network.outputs, self._straight)
        return self._runners[network.digest]
