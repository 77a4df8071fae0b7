"""The CUDA executor: every neuron of a circuit on a GPU, 32 operand sets to a word and a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.cuda.device import checked_devices, cupy, fetched, launch, on_device, placed
from lava_nexus.execute.cuda.kernels import Kernel, counting, elementwise_kernel
from lava_nexus.execute.cuda.planes import KeptPlanes
from lava_nexus.execute.cuda.sums import Planes, contracted, folded
from lava_nexus.execute.cuda.tables import Matrices
from lava_nexus.execute.executor import LEVELS, Evaluated, Executor
from lava_nexus.execute.operands import Operands, Patterns
from lava_nexus.execute.tallies import ProgramResult, Tally, TotalTally
from lava_nexus.execute.weights import Remote, Rows, Source
from lava_nexus.lowering.ordered import Variant
from lava_nexus.neurons import Port
from lava_nexus.programs.nodes import Folded
from lava_nexus.programs.product import Exact, Product
from lava_nexus.programs.program import Program

_MOST_SETS = 1 << 30
"""Operand sets of one launch."""


class CudaExecutor(Executor):
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
    keeps_weights = True
    walks_watched = True

    def __init__(self, count: bool | Literal["activity"] = True, devices: Sequence[int] | int | None = None) -> None:
        """Devices: GPUs by number, the current one where left out.

        Raises:
            NexusError: `count` is not one of these, a GPU is not there, or CuPy is not.
        """
        super().__init__()
        if not isinstance(count, bool) and count != "activity":
            raise NexusError(f"count {count!r} is not one of True, False, 'activity'")
        self.count = count
        self.variant: Variant = "activity" if count == "activity" else "spikes" if count else "outputs"
        self.devices = checked_devices(devices)
        self._weights = KeptPlanes()

    def place(self, patterns: Patterns) -> Any:
        """The patterns on the first GPU."""
        with cupy().cuda.Device(self.devices[0]):
            return placed(patterns.read()[None] if isinstance(patterns, Remote) else patterns)

    def feeds(self, program: Program, weights: Mapping[str, Rows], source: Source) -> dict[str, Any]:
        """What a program reads of weights, by input; matrices are kept on the GPU as planes, as long as they fit."""
        with cupy().cuda.Device(self.devices[0]):
            return self._weights.feeds(program, weights, source)

    def flat(self, patterns: Any) -> Any:
        """Patterns, flat on the current GPU; what stands for weights as it is."""
        return patterns if isinstance(patterns, Remote) else cupy().ascontiguousarray(placed(patterns)).reshape(-1)

    def planes(self, port: Port, parts: Sequence[tuple[Any, Matrices]], fused: bool) -> Planes:
        """Matrices of several arrays, or of what stands for weights, as planes."""
        return self._weights.of(port, parts, fused)

    def fetch(self, patterns: Any) -> Patterns:
        """The patterns in host memory."""
        return fetched(patterns)

    def invoke_all(self, circuit: Circuit, operands: Sequence[Any]) -> tuple[Any, ...]:
        """As `Executor.invoke_all`; results lie on the GPU where an operand does."""
        stay = any(map(on_device, operands))
        ports = circuit.inputs if len(circuit.inputs) == len(operands) else ()
        with cupy().cuda.Device(self.devices[0]):
            given = [placed(one, port.pattern_dtype) for one, port in zip(operands, ports, strict=False)]
            results = super().invoke_all(circuit, given or operands)
            return tuple(map(placed if stay else fetched, results))

    def contracted(self, how: Product, left: Any, right: Any, bias: Any) -> Any:
        """Sums of products in index order, by one kernel; None for other kinds and orders."""
        with cupy().cuda.Device(self.devices[0]):
            return contracted(self, how, left, right, bias)

    def folded(self, how: Folded | Exact, values: Any) -> Any:
        """Values folded in index order, by one kernel; None for exact sums and other orders."""
        if not isinstance(how, Folded):
            return None
        with cupy().cuda.Device(self.devices[0]):
            return folded(self, how, values)

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

    def run_whole(self, program: Program, feeds: Mapping[str, Patterns]) -> ProgramResult | None:
        """Nodes that do not wait for each other together, where the program has none that need a walk; on one GPU."""
        from lava_nexus.execute.cuda.planner import plan_of

        if len(self.devices) > 1:
            return None
        plan = plan_of(program, {name: len(patterns) for name, patterns in feeds.items()}, bool(self.count))
        if plan is None:
            return None
        with cupy().cuda.Device(self.devices[0]):
            outputs, layers = plan.run(self, feeds)
            if not any(map(self._stays, feeds.values())):
                outputs = {name: fetched(patterns) for name, patterns in outputs.items()}
        return ProgramResult(outputs, layers, levels=(("all layers", self.level),))

    @staticmethod
    def _stays(feed: Any) -> bool:
        return not isinstance(feed, Remote) and on_device(feed)

    def _evaluate(self, circuit: Circuit, operands: Operands) -> Evaluated:
        xp = cupy()
        flat = [
            xp.ascontiguousarray(x if x.size == 1 else xp.broadcast_to(x, operands.shape)).reshape(-1)
            for x in operands.given
        ]
        results = [xp.empty(operands.sets, port.pattern_dtype) for port in circuit.network.outputs]
        return results, self.applied(circuit, flat, results)

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
