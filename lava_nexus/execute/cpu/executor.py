"""The bit-sliced executor: every neuron of a circuit, 64 operand sets to a machine word, spikes counted exactly."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.bank import Bank
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu.program import word_program
from lava_nexus.execute.executor import LEVELS, Count, Evaluated, Executor, bank_rows
from lava_nexus.execute.operands import Operands, whole_number
from lava_nexus.execute.sampled import DEFAULT_FRACTION, GROUPS, Sample, SampledTally, sample_of
from lava_nexus.execute.tallies import BankTally, Tally
from lava_nexus.execute.weights import low_zeros
from lava_nexus.lowering.ordered import Variant
from lava_nexus.populations import Operator
from lava_nexus.programs.nodes import Folded, in_order
from lava_nexus.programs.product import Exact, Fused, Product, Rounded
from lava_nexus.progress import doing
from lava_nexus.store import processors

if TYPE_CHECKING:
    from lava_nexus.execute.cpu.blocks import BlockRunner


_SETS_A_GROUP = 512
"""Operand sets whose spikes are counted together."""


_TERMS_WORTH = 1 << 22
"""Lanes times terms of sums that take longer invocation by invocation than compiling their code."""


class BitslicedExecutor(Executor):
    """Evaluates circuits by word operations compiled for the machine.

    Accepts memoryless threshold networks. Spikes of strobe, inputs and neurons are exact integers over the run.

    Attributes:
        count: True counts spikes, "activity" active neuron updates too, False nothing; "sample" spikes of some sets.
    """

    name = "bitsliced"
    level = LEVELS["word"]
    native = "digits"

    def __init__(
        self,
        count: Count = True,
        threads: int | None = None,
        straight: bool | None = None,
        fraction: float = DEFAULT_FRACTION,
        seed: int = 0,
    ) -> None:
        """Threads: at most that many, None for the processors this process may use; 1 makes no thread.

        Straight: whether networks run as straight-line machine code (compiled once, then kept on disk) or by a loop
        over their operations; None takes the code where it is on disk, or once compiling it is worth its while.

        Fraction and seed are of the operand sets that "sample" counts.

        Raises:
            NexusError: `count`, `threads`, `straight`, `fraction` or `seed` is not one of these.
        """
        from lava_nexus.execute.cpu.blocks import Workers

        super().__init__()
        self.sample = sample_of(count, fraction, seed)
        if straight not in (None, True, False):
            raise NexusError(f"straight {straight!r} is not one of None, True, False")
        self.count = count
        self._straight = straight
        self._variant: Variant = "activity" if count == "activity" else "spikes" if count else "outputs"
        self.threads: int = processors() if threads is None else whole_number("threads", threads)
        self._workers = Workers(self.threads)
        self._runners: dict[tuple[str, Variant, int], BlockRunner] = {}

    def begin(self, part: int) -> None:
        """As `Executor.begin`: what is drawn too."""
        super().begin(part)
        if self.sample is not None:
            self.sample.begin(part)

    def _evaluate(self, circuit: Circuit, operands: Operands) -> Evaluated:
        if self.sample is not None:
            return self._sampled(circuit, operands, self.sample)
        results, counts, runner = self._ran(circuit, operands.flat, operands.sets)
        return results, self._tally(circuit, operands.sets, runner, counts)

    def _tally(self, circuit: Circuit, sets: int, runner: BlockRunner, counts: NDArray[np.int64]) -> Tally:
        tally = Tally(circuit, sets)
        if self.count:
            tally.signal_spikes = counts[runner.program.signal_counts]
        if self.count == "activity":
            tally.active = int(counts[runner.program.probe_counts].sum())
        return tally

    def contracted(self, how: Product, left: Any, right: Any, bias: Any) -> Any:
        """Sums of many columns in index order by straight-line code, one matrix for all rows; None for others."""
        from lava_nexus.execute.cpu.sums import fits

        columns, terms = right.shape[-2:]
        if not (in_order(how, terms, bias is not None) and fits(columns) and prod(right.shape[:-2]) == 1 and left.size):
            return None
        assert isinstance(how, Rounded | Fused)
        x = np.ascontiguousarray(left).reshape(-1, terms)
        circuits = [how.multiply, how.fma if isinstance(how, Fused) else how.add]
        found = self._in_order(how.title, circuits, x, right.reshape(columns, terms))
        if found is None:
            return None
        found = found.reshape(*left.shape[:-1], columns)
        return found if bias is None else self.invoke(how.add, [found, bias[..., None, :]])

    def folded(self, how: Folded | Exact, values: Any) -> Any:
        """Values folded in index order by straight-line code; None for exact sums and other orders."""
        terms = values.shape[-1]
        if not isinstance(how, Folded) or not in_order(how, terms) or not values.size:
            return None
        w = values.reshape(-1, terms)
        found = self._in_order(how.circuit.label, [how.circuit], np.zeros((1, terms), w.dtype), w)
        return None if found is None else found.reshape(values.shape[:-1])

    def _in_order(self, title: str, circuits: Sequence[Circuit], x: Any, w: Any) -> Any:
        """Sums [rows, columns] of products, or of columns of w, tallied; None where there is no code for them."""
        from lava_nexus.execute.cpu.sums import sums_in_order

        ports = circuits[0].inputs[-2:]
        if self._straight is False or self.sample is not None or len(w[0]) < 2:
            return None
        if [x.dtype, w.dtype] != [port.pattern_dtype for port in ports]:
            return None
        rounded = len(circuits) == len(circuits[-1].inputs) == 2
        zeros = (
            low_zeros(ports[1], [w[:1]]) and low_zeros(ports[1], [w]) if rounded else 0
        )  # the first row tells mostly
        runners = [
            self._runner(circuit, self._variant, each) for circuit, each in zip(circuits, (zeros, 0), strict=False)
        ]
        codes = [runner.compiled(x.size * max(len(w), _SETS_A_GROUP) >= _TERMS_WORTH) for runner in runners]
        if not all(codes):
            return None
        with doing(title):
            sums, counts = sums_in_order(runners, codes, x, w, self._workers)
        later = x.size * len(w) - sums.size
        sets = [later + sums.size if len(circuits[-1].inputs) == 2 else sums.size, later]
        for circuit, runner, n, counted in zip(circuits, runners, sets[-len(circuits) :], counts, strict=True):
            self.tallies.add(self._tally(circuit, n, runner, counted))
        return sums

    def _ran(
        self, circuit: Circuit, flat: Sequence[NDArray[Any]], sets: int, variant: Variant | None = None
    ) -> tuple[list[NDArray[Any]], NDArray[np.int64], BlockRunner]:
        runner = self._runner(circuit, variant or self._variant)
        return *runner.run(flat, sets, self._workers), runner

    def _sampled(self, circuit: Circuit, operands: Operands, sample: Sample) -> Evaluated:
        """All results; spikes of a sample, where that is fewer than all."""
        flat, sets = operands.flat, operands.sets
        size = sample.size(sets, _SETS_A_GROUP)
        if size is None:
            results, counts, runner = self._ran(circuit, flat, sets)
            whole = Tally(circuit, sets, counts[runner.program.signal_counts])
            return results, SampledTally(circuit, sets, None, None, whole.spikes or 0, whole.synops or 0, sets)
        results = self._ran(circuit, flat, sets, "outputs")[0]
        at = sample.drawn(np, sets, size, _SETS_A_GROUP).reshape(-1, GROUPS, _SETS_A_GROUP)
        parts = []
        for group in at.swapaxes(0, 1).reshape(GROUPS, -1):
            given = [x if len(x) == 1 else x[group] for x in flat]
            _, counts, runner = self._ran(circuit, given, len(group))
            parts.append(Tally(circuit, len(group), counts[runner.program.signal_counts]))
        counted = np.array([(part.invocations, part.spikes, part.synops) for part in parts]).T
        return results, SampledTally.of(circuit, sets, *counted)

    def _nothing(self, what: Circuit | Operator) -> Tally:
        sampled = self.sample is not None and isinstance(what, Circuit)
        return SampledTally(what) if sampled else super()._nothing(what)

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

    def _runner(self, circuit: Circuit, variant: Variant, zeros: int = 0) -> BlockRunner:
        """For second operands whose lowest `zeros` bits are 0."""
        from lava_nexus.execute.cpu.blocks import BlockRunner

        network = circuit.network
        name = network.digest, variant, zeros
        if name not in self._runners:
            program = word_program(network, variant, zeros)
            self._runners[name] = BlockRunner(program, network.inputs, network.outputs, self._straight)
        return self._runners[name]
