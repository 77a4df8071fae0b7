"""What executors on GPUs have in common: where arrays lie, whole programs by plans, sums shared out among devices."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.cuda.device import checked_devices, cupy, fetched, here, on_device, placed
from lava_nexus.execute.cuda.planes import KeptWeights
from lava_nexus.execute.cuda.sharing import part_of, shared_out
from lava_nexus.execute.cuda.sums import Tell, contracted, folded
from lava_nexus.execute.cuda.tables import WORD, Matrices, Words
from lava_nexus.execute.executor import Evaluated, Executor
from lava_nexus.execute.operands import Operands, Patterns, real_number
from lava_nexus.execute.shares import shares
from lava_nexus.execute.tallies import ProgramResult, Tally
from lava_nexus.execute.watch import Watch
from lava_nexus.execute.weights import Remote, Rows, Source
from lava_nexus.programs.nodes import Folded
from lava_nexus.programs.product import Exact, Fused, Product, Rounded
from lava_nexus.programs.program import Program


class GpuExecutor(Executor):
    """Operands on a GPU (CuPy, or PyTorch by DLPack) are read where they are, and results of them stay there.

    Attributes:
        devices: numbers of the GPUs; outputs of sums of products are split over them.
    """

    keeps_weights = True

    def __init__(self, devices: Sequence[int] | int | None = None, weight_memory: float | None = None) -> None:
        """As an option each.

        Args:
            devices: GPUs by number, the current one where left out.
            weight_memory: GB (10^9 bytes) of each GPU's memory that weights may stay in; those without room are brought
                from the host for each pass, beside what is computed. Seven tenths of what is free where left out.

        Raises:
            NexusError: a GPU is not there, or CuPy is not, or the memory is no number from 0 on.
        """
        super().__init__()
        self.devices = checked_devices(devices)
        room = None if weight_memory is None else int(1e9 * real_number("weight_memory", weight_memory))
        if room is not None and room < 0:
            raise NexusError(f"weight_memory {weight_memory} is below 0")
        self._weights = {device: KeptWeights(device, room) for device in self.devices}

    @property
    def weights(self) -> KeptWeights:
        """Those on the current GPU."""
        return self._weights[int(cupy().cuda.Device().id)]

    @abstractmethod
    def applied(self, circuit: Circuit, operands: Sequence[Any], results: Sequence[Any]) -> Tally:
        """The circuit on flat operands, contiguous, those of one element the same for all; results are written."""

    @abstractmethod
    def products(
        self, how: Rounded | Fused, x: Any, parts: Sequence[tuple[Any, Matrices]], words: Words, result: Any
    ) -> Tell:
        """Sums of products in index order of rows of x with matrices of several arrays, put into a flat result.

        All on the current GPU.
        """

    def shared_products(
        self, how: Rounded | Fused, x: Any, parts: Sequence[tuple[Any, Matrices]], words: Words, result: Any
    ) -> Tell:
        """As `products`, the columns of matrices shared out among the GPUs."""
        split = shared_out(parts, words, self.devices)
        if not split:
            return self.products(how, x, parts, words, result)
        done, on = [], cupy().cuda.Device
        lefts = {share.device: _there(x, share.device) for share in split}
        for share in split:
            with on(share.device):
                own = cupy().empty(WORD * share.words.number, result.dtype)
                given = [(part_of(*parts[i], columns), matrix) for i, columns, matrix in share.parts]
                done.append((own, self.products(how, lefts[share.device], given, share.words, own)))
        for share, (own, _) in zip(split, done, strict=True):
            result[share.into.here()] = here(own)[share.taken.here()]

        def tell() -> list[Tally]:
            tallies = []
            for share, (_, each) in zip(split, done, strict=True):
                with on(share.device):
                    tallies += each()
            return tallies

        return tell

    @abstractmethod
    def rows(self, circuit: Circuit, x: Any, words: Words, result: Any) -> Tell:
        """Rows of a flat array folded in index order, put into a flat result."""

    def place(self, patterns: Patterns) -> Any:
        """The patterns on the first GPU."""
        with cupy().cuda.Device(self.devices[0]):
            return placed(patterns.read()[None] if isinstance(patterns, Remote) else patterns)

    def feeds(self, program: Program, weights: Mapping[str, Rows], source: Source) -> dict[str, Any]:
        """What a program reads of weights, by input; matrices are kept on the GPU, as long as they fit."""
        with cupy().cuda.Device(self.devices[0]):
            return self.weights.feeds(program, weights, source)

    def ahead(self, weights: Iterable[Rows], source: Source) -> None:
        """Sends for weights that are not kept, the share of each GPU."""
        given = list(weights)
        for i, device in enumerate(self.devices):
            cut = [(rows, shares(rows.rows.stop - rows.rows.start, len(self.devices), WORD)) for rows in given]
            own = [rows.part(spans[i]) for rows, spans in cut if i < len(spans)]
            with cupy().cuda.Device(device):
                self.weights.ahead(given if len(self.devices) == 1 else own, source)

    def flat(self, patterns: Any) -> Any:
        """Patterns, flat on the current GPU; what stands for weights as it is."""
        return patterns if isinstance(patterns, Remote) else cupy().ascontiguousarray(placed(patterns)).reshape(-1)

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

    def run_whole(self, program: Program, feeds: Mapping[str, Patterns]) -> ProgramResult | None:
        """Nodes that do not wait for each other together, where the program has none that need a walk."""
        return self._planned(program, feeds, None)

    def run_watched(self, program: Program, feeds: Mapping[str, Patterns], watch: Watch) -> ProgramResult | None:
        """As `run_whole`; results of every step are looked at where they are."""
        return self._planned(program, feeds, watch)

    def _planned(self, program: Program, feeds: Mapping[str, Patterns], watch: Watch | None) -> ProgramResult | None:
        from lava_nexus.execute.cuda.plans import plan_of
        from lava_nexus.execute.cuda.watched import ran_watched

        plan = plan_of(program, {name: len(patterns) for name, patterns in feeds.items()}, bool(self.count))
        if plan is None:
            return None
        with cupy().cuda.Device(self.devices[0]):
            ran = plan.run(self, feeds) if watch is None else ran_watched(plan, program, self, feeds, watch)
            outputs, layers = ran
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


def _there(array: Any, device: int) -> Any:
    """The array on a GPU."""
    with cupy().cuda.Device(device):
        return here(array)
