"""Which kernels a circuit or a sum needs, by the digests of what they are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lava_nexus import lowering
from lava_nexus.circuits import Circuit
from lava_nexus.disk_cache import cached, source_digest
from lava_nexus.execute.cuda import packing, source, sum_source
from lava_nexus.execute.cuda.device import digest_of
from lava_nexus.execute.cuda.source import elementwise, look_ups, lowered, lowered_piece
from lava_nexus.lowering.ordered import Variant
from lava_nexus.lowering.pieces import Cut, cut, from_arrays, to_arrays
from lava_nexus.neurons import Port

MOST_A_KERNEL = 7000
"""Look-ups of the largest circuit that is one kernel on operand sets; more than some 8,000 instructions, 128 KB, do not
stay in a multiprocessor's nearest memory of code."""
MOST_COUNTED = 4000
"""The same, with counting."""


@dataclass(frozen=True)
class Kernel:
    """A kernel that is compiled when it is first launched.

    Attributes:
        key: names all that the text depends on.
        source: makes the text.
    """

    key: str
    source: Callable[[], str]


@dataclass(frozen=True)
class Kernels:
    """A circuit on operand sets, by kernels that run one after another.

    Attributes:
        pieces: kernels.
        slots: words of a thread that they pass on.
    """

    pieces: tuple[Kernel, ...]
    slots: int


def elementwise_kernels(circuit: Circuit, variant: Variant) -> Kernels:
    """A circuit on operand sets; see `source.elementwise`."""
    most = MOST_A_KERNEL if variant == "outputs" else MOST_COUNTED
    key = f"{circuit.network.digest}:{variant}:{most}:{_version()}"
    if key not in _cuts:
        _cuts[key] = cached("gpu_pieces", key, lambda: _cut(circuit, variant, most), to_arrays, from_arrays)
    parts = _cuts[key]
    last = len(parts.pieces) - 1

    def text(number: int) -> Callable[[], str]:
        if not last:
            return lambda: elementwise(lowered(circuit, variant, "gates"))
        return lambda: elementwise(lowered_piece(circuit, variant, parts, number), number == 0, number == last)

    kernels = (_kernel(f"elementwise {i} {most}", variant, (circuit,), text(i)) for i in range(last + 1))
    return Kernels(tuple(kernels), parts.size)


_cuts: dict[str, Cut] = {}


def _cut(circuit: Circuit, variant: Variant, most: int) -> Cut:
    what = look_ups(circuit, variant)
    return cut(what.graph, most, what.weights.of if what.weights else ())


def contraction_kernel(first: Circuit, then: Circuit, fused: bool, variant: Variant, zeros: int) -> Kernel:
    """Sums of products in index order; see `sum_source.contraction`."""
    return _kernel(
        f"contraction {fused} {zeros}",
        variant,
        (first, then),
        lambda: sum_source.contraction(lowered(first, variant, "first", zeros), lowered(then, variant, "then"), fused),
    )


def product_kernel(first: Circuit, variant: Variant, zeros: int) -> Kernel:
    """Products of a tile of terms; see `sum_source.products`."""
    return _kernel(
        f"products {zeros}", variant, (first,), lambda: sum_source.products(lowered(first, variant, "first", zeros))
    )


def addition_kernel(then: Circuit, variant: Variant) -> Kernel:
    """Terms of a tile added in index order; see `sum_source.additions`."""
    return _kernel("additions", variant, (then,), lambda: sum_source.additions(lowered(then, variant, "then")))


def row_kernel(port: Port) -> Kernel:
    """Terms of a tile of rows as planes; see `sum_source.rows`."""
    return Kernel(digest_of("rows", port.width, _version()), lambda: sum_source.rows(port))


def plane_kernel(port: Port, zeros: int) -> Kernel:
    """Matrices as bit planes; see `sum_source.planes`."""
    return Kernel(digest_of("planes", port.width, zeros, _version()), lambda: sum_source.planes(port, zeros))


def _kernel(kind: str, variant: Variant, circuits: tuple[Circuit, ...], text: Callable[[], str]) -> Kernel:
    networks = [circuit.network.digest for circuit in circuits]
    return Kernel(digest_of(kind, variant, *networks, _version()), text)


@lru_cache(maxsize=1)
def _version() -> str:
    """SHA-256 over the sources, and the word programs, that a kernel's text depends on."""
    folder = Path(lowering.__file__).parent
    files = sorted([*folder.glob("*.py"), *folder.glob("programs/*.*")])
    return source_digest(*map(str, files), __file__, source.__file__, sum_source.__file__, packing.__file__)
