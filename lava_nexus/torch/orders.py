"""The orders in which the installed PyTorch adds, found from outside, checked on random numbers and kept on disk."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.disk_cache import cached, source_digest
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import FLOAT32, FLOAT64, FloatFormat
from lava_nexus.programs import Accumulate, Order, Orders, Placed, Program, Reduction, Sum, Writer
from lava_nexus.programs import order as sums
from lava_nexus.programs.order import Part
from lava_nexus.torch import kernels, revealing
from lava_nexus.torch.kernels import Kernel, Probe, Region

Trial = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
Found = tuple[tuple[Region, Order], ...]

_MOST_CHECKED = 24  # rows or columns of a region that are checked on random numbers
_DRAWN = 65_537  # random numbers, again and again in large arrays; no width of a layer divides it
_CALLS = 8  # to see whether a kernel gives the same bits again
_EVERYWHERE = (0, 1 << 62)
_SETTINGS = ("MKL_", "OMP_", "GOMP_", "KMP_", "ATEN_", "DNNL_", "ONEDNN_", "LD_PRELOAD")
_PROCESSOR = (
    *("vendor_id", "cpu family", "model", "stepping", "flags", "cache size", "cpu cores", "siblings"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features"),
)


def accumulation(name: Accumulate | Orders, batch: int = 1) -> Accumulate | Orders:
    """What `Writer` takes as `accumulate`: PyTorch's orders for "torch", else what is given."""
    return TorchOrders(batch) if name == "torch" else name


@dataclass(frozen=True)
class TorchOrders:
    """Orders of PyTorch's CPU kernels, as many threads as PyTorch is set to use.

    Sums of values take the order of `torch.sum` over the last axis, for norms and for softmax.

    They are those of operands as PyTorch allocates them, whole tensors at multiples of 64 bytes: on some processors the
    kernels add in other orders at other addresses, such as those of slices.

    Attributes:
        batch: elements that PyTorch is handed at once; they are further rows of a linear layer.
        interleaved: whether the queries, and whether the keys and values, of several heads lie in memory as [tokens,
            heads, width], as those that transformers takes from a projection do, instead of head by head.
    """

    batch: int = 1
    interleaved: tuple[bool, bool] = (False, False)

    def orders(
        self, reduction: Reduction, length: int, shape: tuple[int, ...], bias: bool, plain: bool, fmt: FloatFormat
    ) -> list[Placed]:
        if fmt not in (FLOAT32, FLOAT64):
            raise NexusError(f"accumulate 'torch' follows kernels of float32 and float64 numbers, not of {fmt}")
        if reduction == "sum":
            found = kernel_orders(Kernel("sum", length, 1, self.batch * prod(shape)), fmt)
            return [Placed(_only(found, "sums"), _EVERYWHERE, _EVERYWHERE)]
        rows, columns = shape[-2:]
        heads = prod(shape[:-2])
        if reduction == "linear":
            kernel = Kernel("linear", length, self.batch * heads * rows, columns, bias)
        else:
            query, key = self.interleaved if heads > 1 else (False, False)
            beside = (query and not plain, key)  # weights, which a softmax makes, are not
            kernel = Kernel("matmul", length, rows, columns, False, self.batch * heads, not plain, beside)
        found = kernel_orders(kernel, fmt)
        if kernel.rows != rows:  # the rows of all elements stand below each other
            if len({region.rows for region, _ in found}) > 1:
                raise NexusError(f"accumulate 'torch': {kernel} adds in different orders in different rows of a batch")
            found = tuple((Region((0, rows), region.columns), order) for region, order in found)
        return _of_one_element(kernel, found, heads)

    def of_batch(self, batch: int) -> TorchOrders:
        return replace(self, batch=batch)


def kernel_orders(kernel: Kernel, fmt: FloatFormat = FLOAT32) -> Found:
    """The order in each region of a kernel's result, from disk where it was found before.

    Raises:
        NexusError: no order gives the kernel's bits.
    """
    return _kept_orders(kernel, fmt, _machine())


@lru_cache(maxsize=4096)
def _kept_orders(kernel: Kernel, fmt: FloatFormat, machine: str) -> Found:
    sources = source_digest(kernels.__file__, revealing.__file__, sums.__file__, __file__)

    def load(arrays: Any, metadata: Any) -> Found:
        if metadata["bits"] != _bits(kernel, fmt):
            raise ValueError("orders of a kernel that gave other bits")
        return tuple((Region(*map(tuple, at)), _loaded(order)) for at, order in metadata["regions"])

    def save(found: Found) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        regions = [[(r.rows, r.columns, r.matrices), _saved(order)] for r, order in found]
        return {}, {"kernel": str(kernel), "bits": _bits(kernel, fmt), "regions": regions}

    key = f"{kernel!r} {fmt} {machine} {sources}"
    return cached("torch_orders", key, lambda: _probed(kernel, fmt), save, load, f"probing the order of {kernel}")


def _machine() -> str:
    """What is known to decide which kernel runs; `_bits` notices the rest."""
    import torch

    settings = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(_SETTINGS)]
    capability, threads = torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()
    return " ".join([torch.__version__, capability, str(threads), _processor(), *settings])


@lru_cache(maxsize=1)
def _processor() -> str:
    """The first processor's vendor, family, model and instructions, as far as the system tells them."""
    found = [platform.machine(), platform.processor()]
    with suppress(OSError):
        first = Path("/proc/cpuinfo").read_text(errors="replace").split("\n\n")[0]
        found += [line for line in first.splitlines() if line.split(":")[0].strip() in _PROCESSOR]
    return " ".join(found)


def _bits(kernel: Kernel, fmt: FloatFormat) -> str:
    """SHA-256 of the kernel's results on random numbers here and now: orders found elsewhere may be of other bits."""
    return hashlib.sha256(_called(kernel, next(_trials(kernel, fmt))).tobytes()).hexdigest()


def _called(kernel: Kernel, trial: Trial) -> NDArray[Any]:
    left, right, bias = trial
    with np.errstate(all="ignore"):
        return kernel(left, right, bias if kernel.bias else None)


def _probed(kernel: Kernel, fmt: FloatFormat) -> Found:
    probe, found = Probe(kernel, fmt.dtype), []
    for region in probe.regions():
        tree = probe.tree(region)
        order = None if tree is None else _confirmed(kernel, region, _candidates(probe, region, tree), fmt)
        if order is None:
            raise NexusError(f"accumulate 'torch': {_varying(kernel, region, fmt)}")
        found.append((region, order))
    return tuple(found)


def _varying(kernel: Kernel, region: Region, fmt: FloatFormat) -> str:
    """Why no order is found: the bits vary from call to call, or those of a region are no order's."""
    if len({_bits(kernel, fmt) for _ in range(_CALLS)}) > 1:
        return f"{kernel} gives other bits from call to call on the same operands, so it has no one order of additions"
    return f"no order of additions gives the bits of {kernel} in {region}"


def _candidates(probe: Probe, region: Region, tree: Sum) -> list[Order]:
    """The tree with terms fused as they are, starting from +0 or from the first term."""
    asked = [(term, other) for term, other in revealing.questions(tree) if term < probe.kernel.length]
    answers = {pair for pair, yes in zip(asked, probe.fused(region, asked), strict=True) if yes}
    if answers:
        tree = revealing.refined(tree, answers)
    # Of a single product nothing can be asked.
    ways = (True,) if answers else (False,) if len(asked) or probe.kernel.name == "sum" else (True, False)
    return [Order("torch", tree, fused, zero, probe.kernel.bias) for fused in ways for zero in (True, False)]


def _confirmed(kernel: Kernel, region: Region, candidates: list[Order], fmt: FloatFormat) -> Order | None:
    """The first order that gives the kernel's bits on random numbers, and on zeros and tiny numbers below 0."""
    left_over = list(candidates)
    rows, columns = (_some(*span) for span in (region.rows, region.columns))
    matrices = np.array(region.matrices)[_some(0, len(region.matrices))]
    for trial in _trials(kernel, fmt):
        left, right, bias = trial
        result = np.ascontiguousarray(_called(kernel, trial)[np.ix_(matrices, rows, columns)])
        want = fmt.canonical(result.view(fmt.pattern_dtype))
        operands = (left[columns] if kernel.name == "sum" else left[rows], right[columns], bias[columns])
        left_over = [order for order in left_over if (_evaluated(kernel, order, operands, fmt) == want).all()]
        if not left_over:
            return None
    return left_over[0]


def _some(start: int, stop: int) -> NDArray[np.int64]:
    """Places start .. stop - 1, or the first, the last and some between."""
    return np.unique(np.linspace(start, stop - 1, min(stop - start, _MOST_CHECKED)).astype(np.int64))


def _trials(kernel: Kernel, fmt: FloatFormat) -> Iterator[Trial]:
    """(left, right, bias): N(0, 1), numbers of all sizes, zeros below 0, products that underflow below 0.

    One after the other, as they may be large.
    """
    rng = np.random.default_rng(1)
    rows = kernel.columns if kernel.name == "sum" else kernel.rows
    shapes = ((rows, kernel.length), (kernel.columns, kernel.length), (kernel.columns,))

    def drawn(spread: float) -> Any:
        numbers = rng.standard_normal(_DRAWN) * np.exp2(spread * rng.standard_normal(_DRAWN))
        return tuple(np.resize(np.roll(numbers, shape[-1] // 2).astype(fmt.dtype), shape) for shape in shapes)

    def constant(x: float, w: float, b: float) -> Any:
        return tuple(np.full(shape, value, fmt.dtype) for shape, value in zip(shapes, (x, w, b), strict=True))

    tiny = float(fmt.from_patterns(np.array([fmt.exponent_mask >> 2], fmt.pattern_dtype))[0]) ** 0.6
    yield drawn(0.0)
    yield drawn(8.0)
    yield constant(-0.0, 1.0, -0.0)
    yield constant(-tiny, tiny, -0.0)


def _evaluated(kernel: Kernel, order: Order, operands: tuple[NDArray[Any], ...], fmt: FloatFormat) -> NDArray[Any]:
    """Patterns [rows, columns] by the strict reference."""
    left, right, bias = operands
    w = Writer(Program("trial"), fmt, accumulate=_Given(order))
    if kernel.name == "sum":
        x = w.program.input("x", left.shape, fmt)
        w.program.outputs["y"] = w.reduce("add", x)
        feeds = {"x": fmt.to_patterns(left * right)[None]}
        sums: NDArray[Any] = run_program(w.program, feeds, ReferenceExecutor()).outputs["y"]
        return sums
    x = w.program.input("x", left.shape, fmt)
    y = w.contract(x, w.constant(right), w.constant(bias) if kernel.bias else None)
    w.program.outputs["y"] = y
    result: NDArray[Any] = run_program(w.program, {"x": fmt.to_patterns(left)[None]}, ReferenceExecutor()).outputs["y"]
    return np.asarray(result[0])


@dataclass(frozen=True)
class _Given:
    """One order for everything."""

    order: Order

    def orders(self, *_: Any) -> list[Placed]:
        return [Placed(self.order, _EVERYWHERE, _EVERYWHERE)]

    def of_batch(self, batch: int) -> _Given:
        return self


def _of_one_element(kernel: Kernel, found: Found, heads: int) -> list[Placed]:
    """The orders of the first `heads` matrices, which those of all further elements of a batch must have too."""
    placed = []
    for region, order in found:
        numbers = tuple(sorted({number % heads for number in region.matrices}))
        if len(numbers) * kernel.matrices != len(region.matrices) * heads:
            raise NexusError(
                f"accumulate 'torch': {kernel} adds in orders that vary with a matrix's alignment in memory, and those "
                f"of the {heads} matrices of one element of the batch are not those of another"
            )
        placed.append(Placed(order, region.rows, region.columns, () if len(numbers) == heads else numbers))
    return placed


def _only(found: Found, what: str) -> Order:
    orders = {order for _, order in found}
    if len(orders) > 1:
        raise NexusError(f"accumulate 'torch': {what} are formed in {len(orders)} orders in one call of the kernel")
    return found[0][1]


def _saved(order: Order) -> list[Any]:
    assert order.tree is not None
    return [order.fused, order.from_zero, order.bias_inside, _listed(order.tree)]


def _loaded(saved: Any) -> Order:
    fused, from_zero, bias_inside, tree = saved
    return Order("torch", _sum(tree), fused, from_zero, bias_inside)


def _listed(part: Part) -> Any:
    if isinstance(part, range):
        return {"range": [part.start, part.stop, part.step]}
    return [_listed(inner) for inner in part.parts]


def _sum(listed: Any) -> Sum:
    return Sum(tuple(range(*part["range"]) if isinstance(part, dict) else _sum(part) for part in listed))
