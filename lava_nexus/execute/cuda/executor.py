"""The CUDA executor: every neuron of a circuit on a GPU, 32 operand sets to a word and a thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.cuda.device import cupy, launch
from lava_nexus.execute.cuda.gpus import GpuExecutor
from lava_nexus.execute.cuda.kernels import Kernel, counting, elementwise_kernel
from lava_nexus.execute.cuda.planes import kept_planes
from lava_nexus.execute.cuda.sums import Tell, summed_products, summed_rows
from lava_nexus.execute.cuda.tables import Matrices, Words
from lava_nexus.execute.executor import LEVELS
from lava_nexus.execute.tallies import Tally, TotalTally
from lava_nexus.lowering.ordered import Variant
from lava_nexus.programs.product import Fused, Rounded

_MOST_SETS = 1 << 30
"""Operand sets of one launch."""


class CudaExecutor(GpuExecutor):
    """Evaluates circuits and whole programs by word operations on GPUs.

    Accepts memoryless threshold networks. Totals of spikes, SynOps and active updates are exact integers over the run;
    the spikes of single neurons are not kept apart. Operands on a GPU (CuPy, or PyTorch by DLPack) are read where they
    are, and results of them stay there.

    Attributes:
        count: True counts spikes, "activity" active neuron updates too, False nothing.
        devices: numbers of the GPUs; outputs of sums of products are split over them.
    """

    name = "cuda"
    level = LEVELS["word"]

    def __init__(self, count: bool | Literal["activity"] = True, devices: Sequence[int] | int | None = None) -> None:
        """Devices: GPUs by number, the current one where left out.

        Raises:
            NexusError: `count` is not one of these, a GPU is not there, or CuPy is not.
        """
        super().__init__(devices)
        if not isinstance(count, bool) and count != "activity":
            raise NexusError(f"count {count!r} is not one of True, False, 'activity'")
        self.count = count
        self.variant: Variant = "activity" if count == "activity" else "spikes" if count else "outputs"

    def products(
        self, how: Rounded | Fused, x: Any, parts: Sequence[tuple[Any, Matrices]], words: Words, result: Any
    ) -> Tell:
        """Sums of products in index order, with matrices as planes, put into a flat result."""
        planes = kept_planes(self._weights, how.multiply.inputs[1], parts, isinstance(how, Fused))
        return summed_products(self, how, x, planes, words, result)

    def rows(self, circuit: Circuit, x: Any, words: Words, result: Any) -> Tell:
        """Rows of a flat array folded in index order, put into a flat result."""
        return summed_rows(self, circuit, x, words, result)

    def kernel_counts(self, *circuits: Circuit) -> Any:
        """Zeros that a kernel of these circuits adds its totals to; None where nothing is counted."""
        return cupy().zeros(3 * len(circuits), np.int64) if self.count else None

    def tally(self, circuit: Circuit, sets: int, counted: Sequence[int] | None, zeros: int = 0) -> Tally:
        """Counts of a circuit: totals as they are, without what every operand set adds.

        Args:
            circuit: that ran.
            sets: operand sets.
            counted: spikes, SynOps and active updates of them.
            zeros: lowest bits of every second operand that are 0.
        """
        if counted is None:
            return Tally(circuit, sets)
        given = counting(circuit, self.variant, zeros).weights
        assert given is not None
        always = given.always
        fired, reached, awake = (int(one) + sets * each for one, each in zip(counted, always, strict=True))
        return TotalTally(circuit, sets, None, awake if self.count == "activity" else None, fired, reached)

    def applied(self, circuit: Circuit, operands: Sequence[Any], results: Sequence[Any]) -> Tally:
        """The circuit on flat operands, contiguous, those of one element the same for all; results are written."""
        kernel, sets = elementwise_kernel(circuit, self.variant), len(results[0])
        counted = [0, 0, 0] if self.count else None
        for start in range(0, sets, _MOST_SETS):
            n = min(_MOST_SETS, sets - start)
            part = [x if x.size == 1 else x[start : start + n] for x in operands]
            self._launched(kernel, circuit, part, [result[start : start + n] for result in results], counted)
        return self.tally(circuit, sets, counted)

    def _launched(
        self, kernel: Kernel, circuit: Circuit, operands: list[Any], results: list[Any], counted: list[int] | None
    ) -> None:
        totals, n = self.kernel_counts(circuit), len(results[0])
        steps = [argument for x in operands for argument in (x, int(x.size > 1))]
        threads = -(-n // 1024) * 32
        launch(kernel.source, kernel.key, threads, [*steps, *results, n, totals])
        if counted is not None:
            # Lanes that pad the last word run on zeros, or on the one operand that all sets share.
            idle = self._padded(kernel, circuit, operands, threads * 32 - n)
            for i, total in enumerate(totals.tolist()):
                counted[i] += total - idle[i]

    def _padded(self, kernel: Kernel, circuit: Circuit, operands: list[Any], lanes: int) -> list[int]:
        """What lanes add that pad the last words."""
        if not lanes:
            return [0, 0, 0]
        if not any(x.size == 1 for x in operands):
            return [lanes * one for one in counting(circuit, self.variant).idle]
        totals = self.kernel_counts(circuit)
        alone = [x if x.size == 1 else cupy().zeros(1, x.dtype) for x in operands]
        into = [cupy().empty(1, port.pattern_dtype) for port in circuit.network.outputs]
        launch(kernel.source, kernel.key, 32, [a for x in alone for a in (x, 0)] + [*into, 1, totals])
        return [lanes * total // 1024 for total in totals.tolist()]
