"""The orders in which the installed PyTorch adds, found from outside, checked on random numbers and kept on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.disk_cache import cached, source_digest
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import FLOAT32, FLOAT64, FloatFormat
from lava_nexus.programs import Accumulate, Order, Orders, Placed, Program, Reduction, Sum, Writer
from lava_nexus.programs.order import Part
from lava_nexus.torch import kernels, revealing
from lava_nexus.torch.kernels import Kernel, Probe, Region

Trial = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
Found = tuple[tuple[Region, Order], ...]

_MOST_CHECKED = 24  # rows or columns of a region that are checked on random numbers
_DRAWN = 65_537  # random numbers, again and again in large arrays; no width of a layer divides it
_EVERYWHERE = (0, 1 << 62)
_MKL = ("MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS")


def accumulation(name: Accumulate | Orders, batch: int = 1) -> Accumulate | Orders:
    """What `Writer` takes as `accumulate`: PyTorch's orders for "torch", else what is given."""
    return TorchOrders(batch) if name == "torch" else name


@dataclass(frozen=True)
class TorchOrders:
    """Orders of PyTorch's CPU kernels, as many threads as PyTorch is set to use.

    Sums of values take the order of `torch.sum` over the last axis, for norms and for softmax.

    Attributes:
        batch: elements that PyTorch is handed at once; they are further rows of a linear layer.
    """

    batch: int = 1

    def orders(
        self, reduction: Reduction, length: int, shape: tuple[int, ...], bias: bool, plain: bool, fmt: FloatFormat
    ) -> list[Placed]:
        """See `Orders.orders`."""
        if fmt not in (FLOAT32, FLOAT64):
            raise NexusError(f"accumulate 'torch' follows kernels of float32 and float64 numbers, not of {fmt}")
        if reduction == "sum":
            found = kernel_orders(Kernel("sum", length, 1, self.batch * prod(shape)), fmt)
            return [Placed(_only(found, "sums"), _EVERYWHERE, _EVERYWHERE)]
        rows, columns = shape[-2:]
        if reduction == "linear":
            kernel = Kernel("linear", length, self.batch * prod(shape[:-1]), columns, bias)
        else:
            kernel = Kernel("matmul", length, rows, columns, False, self.batch * prod(shape[:-2]), not plain)
        found = kernel_orders(kernel, fmt)
        if kernel.rows != rows:  # the rows of all elements stand below each other
            if len({region.rows for region, _ in found}) > 1:
                raise NexusError(f"accumulate 'torch': {kernel} adds in different orders in different rows of a batch")
            found = tuple((Region((0, rows), region.columns), order) for region, order in found)
        return [Placed(order, region.rows, region.columns) for region, order in found]

    def of_batch(self, batch: int) -> TorchOrders:
        """See `Orders.of_batch`."""
        return replace(self, batch=batch)


def kernel_orders(kernel: Kernel, fmt: FloatFormat = FLOAT32) -> Found:
    """The order in each region of a kernel's result, from disk where it was found before.

    Raises:
        NexusError: no order gives the kernel's bits.
    """
    return _kept_orders(kernel, fmt, _machine())


@lru_cache(maxsize=4096)
def _kept_orders(kernel: Kernel, fmt: FloatFormat, machine: str) -> Found:
    key = f"{kernel!r} {fmt} {machine} {source_digest(kernels.__file__, revealing.__file__, __file__)}"

    def load(arrays: Any, metadata: Any) -> Found:
        return tuple((Region(*map(tuple, at)), _loaded(order)) for at, order in metadata["regions"])

    def save(found: Found) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return {}, {"kernel": str(kernel), "regions": [[(r.rows, r.columns), _saved(order)] for r, order in found]}

    return cached("torch_orders", key, lambda: _probed(kernel, fmt), save, load)


def _machine() -> str:
    import torch

    settings = [f"{name}={os.environ.get(name)}" for name in _MKL]
    return " ".join(
        [torch.__version__, torch.backends.cpu.get_cpu_capability(), str(torch.get_num_threads()), *settings]
    )


def _probed(kernel: Kernel, fmt: FloatFormat) -> Found:
    probe, found = Probe(kernel, fmt.dtype), []
    for region in probe.regions():
        tree = probe.tree(region)
        order = None if tree is None else _confirmed(kernel, region, _candidates(probe, region, tree), fmt)
        if order is None:
            raise NexusError(f"accumulate 'torch': no order of additions gives the bits of {kernel}")
        found.append((region, order))
    return tuple(found)


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
    for left, right, bias in _trials(kernel, fmt):
        with np.errstate(all="ignore"):
            result = kernel(left, right, bias if kernel.bias else None)
        want = fmt.canonical(np.ascontiguousarray(result[np.ix_(rows, columns)]).view(fmt.pattern_dtype))
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
