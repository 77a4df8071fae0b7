"""The CUDA executor: every neuron of a circuit on a GPU, 32 operand sets to a word and a thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.bank import Bank
from lava_nexus.circuits.native import NativeLayer
from lava_nexus.execute.cuda.device import aside, cupy, fetched, launch, on_device, placed, prepare
from lava_nexus.execute.cuda.gpus import GpuExecutor
from lava_nexus.execute.cuda.kernels import Kernels, elementwise_kernels
from lava_nexus.execute.cuda.planes import kept_planes
from lava_nexus.execute.cuda.source import THREADS, look_ups
from lava_nexus.execute.cuda.sums import Tell, summed_products, summed_rows
from lava_nexus.execute.cuda.tables import WORDS_A_GROUP, Counted, Matrices, Words
from lava_nexus.execute.executor import LEVELS, Count
from lava_nexus.execute.sampled import DEFAULT_FRACTION, GROUPS, SampledTally, sample_of
from lava_nexus.execute.tallies import Tally, TotalTally
from lava_nexus.lowering.counting import TOTALS
from lava_nexus.lowering.ordered import Variant
from lava_nexus.populations import Operator
from lava_nexus.programs.native import PairLayer
from lava_nexus.programs.product import Fused, Rounded

_MOST_SETS = 1 << 30
"""Operand sets of one launch."""
_SETS_A_GROUP = 1024
"""Operand sets whose counts go to one group: those of a warp."""
_PASSED_SETS = 1 << 23
"""Operand sets that the pieces of a circuit run on one after another: enough to fill a GPU several times."""


class CudaExecutor(GpuExecutor):
    """Evaluates circuits and whole programs by word operations on GPUs.

    Accepts memoryless threshold networks. Totals of spikes, SynOps and active updates are exact integers over the run;
    the spikes of single neurons are not kept apart. Operands on a GPU (CuPy, or PyTorch by DLPack) are read where they
    are, and results of them stay there.

    Attributes:
        count: True counts spikes, "activity" active neuron updates too, False nothing; "sample" spikes of some sets.
        devices: numbers of the GPUs; outputs of sums of products are split over them.
    """

    name = "cuda"
    level = LEVELS["word"]
    native = "device"

    def __init__(
        self, count: Count = True, devices: Sequence[int] | int | None = None, fraction: float = DEFAULT_FRACTION,
        seed: int = 0, weight_memory: float | None = None,
    ) -> None:  # fmt: skip
        """As every executor on GPUs; fraction and seed are of what "sample" counts.

        Raises:
            NexusError: as every executor on GPUs, or `count`, `fraction` or `seed` is not one of these.
        """
        super().__init__(devices, weight_memory)
        self.sample = sample_of(count, fraction, seed)
        self.count = count
        self.variant: Variant = "activity" if count == "activity" else "spikes" if count else "outputs"

    def products(
        self, how: Rounded | Fused, x: Any, parts: Sequence[tuple[Any, Matrices]], words: Words, result: Any
    ) -> Tell:
        """Sums of products in index order, with matrices as planes, put into a flat result."""
        planes = kept_planes(self.weights, how.multiply.inputs[1], parts, isinstance(how, Fused))
        return summed_products(self, how, x, planes, words, result)

    def rows(self, circuit: Circuit, x: Any, words: Words, result: Any) -> Tell:
        """Rows of a flat array folded in index order, put into a flat result."""
        return summed_rows(self, circuit, x, words, result)

    def formed(self, layer: NativeLayer | PairLayer, *factors: Any) -> Any:
        """As `Executor.formed`, on the first GPU: by products of matrices, or product by product."""
        from lava_nexus.execute.cuda.native.layers import native_words
        from lava_nexus.execute.cuda.native.pairs import pair_words

        with cupy().cuda.Device(self.devices[0]):
            left, *right = map(placed, factors)
            if isinstance(layer, PairLayer):
                words, tallies = pair_words(layer, left, right[0], bool(self.count))
            else:
                words, tallies = native_words(layer, left, self.weights, bool(self.count))
        for tally in tallies:
            self.tallies.add(tally)
        found = self.invoke(layer.back, words)
        return found if any(map(on_device, factors)) else fetched(found)

    def kernel_counts(self, *circuits: Circuit) -> Any:
        """Zeros that a kernel of these circuits adds its totals to; None where nothing is counted."""
        return cupy().zeros(TOTALS * GROUPS * len(circuits), np.int64) if self.count else None

    def counted_words(self, words: Words) -> Words:
        """Those that are to be counted: all, or a sample."""
        size = None if self.sample is None else self.sample.size(words.number, WORDS_A_GROUP)
        if self.sample is None or size is None:
            return words
        return words.chosen(self.sample.drawn(np, words.number, size, WORDS_A_GROUP))

    def tally(self, circuit: Circuit, sets: int, counted: Counted | None, zeros: int = 0) -> Tally:
        """Counts of a circuit: totals as they are, without what every operand set adds.

        Args:
            circuit: that ran.
            sets: operand sets.
            counted: what a kernel counted of them, or of a sample.
            zeros: lowest bits of every second operand that are 0.
        """
        if counted is None:
            return Tally(circuit, sets)
        given = look_ups(circuit, self.variant, zeros).weights
        assert given is not None
        own, always = int(counted.sets.sum()), given.always
        if own != sets:
            fired, reached = (counted.totals[:, i] + counted.sets * always[i] for i in range(2))
            return SampledTally.of(circuit, sets, counted.sets, fired, reached)
        each = zip(counted.totals.astype(object).sum(axis=0), always, strict=True)
        fired, reached, awake = (int(one) + sets * of_each for one, of_each in each)
        if self.sample is not None:
            return SampledTally(circuit, sets, None, None, fired, reached, sets)
        return TotalTally(circuit, sets, None, awake if self.count == "activity" else None, fired, reached)

    def _nothing(self, what: Circuit | Operator) -> Tally:
        if not isinstance(what, Circuit) or not self.count:
            return super()._nothing(what)
        kind = TotalTally if self.sample is None else SampledTally
        return kind(what, 0, None, 0 if self.count == "activity" else None)

    def begin(self, part: int) -> None:
        """As `Executor.begin`: what is drawn too."""
        super().begin(part)
        if self.sample is not None:
            self.sample.begin(part)

    def invoke_bank(self, bank: Bank, operands: Any, columns: slice, terms: slice) -> Any:
        """As `Executor.invoke_bank`; every spike is counted, since few operand sets share a specialised circuit."""
        sample, self.sample = self.sample, None
        try:
            return super().invoke_bank(bank, operands, columns, terms)
        finally:
            self.sample = sample

    def applied(self, circuit: Circuit, operands: Sequence[Any], results: Sequence[Any]) -> Tally:
        """The circuit on flat operands, contiguous, those of one element the same for all; results are written."""
        sets, tally = len(results[0]), self._nothing(circuit)
        for start in range(0, sets, _MOST_SETS):
            n = min(_MOST_SETS, sets - start)
            part = [x if x.size == 1 else x[start : start + n] for x in operands]
            into = [result[start : start + n] for result in results]
            size = None if self.sample is None else self.sample.size(n, _SETS_A_GROUP)
            if self.sample is None or size is None:
                totals = self._launched(self.variant, circuit, part, into)
            else:
                whole = part
                with aside() as end:
                    at = self.sample.drawn(cupy(), n, size, _SETS_A_GROUP)
                    part = [x if x.size == 1 else x.take(at) for x in whole]
                    scratch = [cupy().empty(size, result.dtype) for result in results]
                    totals = self._launched(self.variant, circuit, part, scratch)
                self._launched("outputs", circuit, whole, into)
                end()
            tally.add(self.tally(circuit, n, self._counted(circuit, part, size or n, totals)))
        return tally

    def _launched(self, variant: Variant, circuit: Circuit, operands: list[Any], results: list[Any]) -> Any:
        """Totals that kernels add to; None where they count nothing."""
        totals = None if variant == "outputs" else self.kernel_counts(circuit)
        self._run(elementwise_kernels(circuit, variant), operands, results, totals)
        return totals

    def _counted(self, circuit: Circuit, operands: list[Any], n: int, totals: Any) -> Counted | None:
        if totals is None:
            return None
        bunches = -(-n // _SETS_A_GROUP)
        found = np.array(fetched(totals)).reshape(GROUPS, TOTALS)
        sets = _SETS_A_GROUP * (bunches // GROUPS + (np.arange(GROUPS) < bunches % GROUPS))
        # Lanes that pad the last bunch run on zeros, or on the one operand that all sets share.
        last, lanes = (bunches - 1) % GROUPS, bunches * _SETS_A_GROUP - n
        sets[last] -= lanes
        found[last] -= self._padded(circuit, operands, lanes)
        return Counted(sets, found)

    @staticmethod
    def _run(kernels: Kernels, operands: Sequence[Any], results: Sequence[Any], totals: Any) -> None:
        """The pieces of a circuit one after another, on so many operand sets that what they pass on stays small."""
        prepare(kernels.pieces)
        sets = len(results[0])
        most = _PASSED_SETS if kernels.slots else sets
        slots = cupy().empty(_threads(min(most, sets)) * kernels.slots, np.uint32) if kernels.slots else None
        for start in range(0, sets, most):
            part = [x if x.size == 1 else x[start : start + most] for x in operands]
            into = [result[start : start + most] for result in results]
            arguments = [argument for x in part for argument in (x, int(x.size > 1))]
            for kernel in kernels.pieces:
                launch(
                    kernel.source, kernel.key, _threads(len(into[0])), [*arguments, *into, len(into[0]), totals, slots]
                )

    def _padded(self, circuit: Circuit, operands: list[Any], lanes: int) -> Any:
        """What lanes add that pad the last words."""
        if not lanes:
            return 0
        if not any(x.size == 1 for x in operands):
            return lanes * np.array(look_ups(circuit, self.variant).idle)
        totals = self.kernel_counts(circuit)
        alone = [x if x.size == 1 else cupy().zeros(1, x.dtype) for x in operands]
        into = [cupy().empty(1, port.pattern_dtype) for port in circuit.network.outputs]
        self._run(elementwise_kernels(circuit, self.variant), alone, into, totals)
        return lanes * fetched(totals)[:TOTALS] // _SETS_A_GROUP


def _threads(sets: int) -> int:
    """Whole blocks for operand sets."""
    return -(-sets // _SETS_A_GROUP * 32 // THREADS) * THREADS
