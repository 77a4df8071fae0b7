"""Which kernels a circuit or a sum needs, by the digests of what they are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lava_nexus import lowering
from lava_nexus.circuits import Circuit
from lava_nexus.disk_cache import source_digest
from lava_nexus.execute.cuda import packing, source, sum_source
from lava_nexus.execute.cuda.device import digest_of
from lava_nexus.execute.cuda.source import Lowered, lowered
from lava_nexus.lowering.ordered import Variant
from lava_nexus.neurons import Port


@dataclass(frozen=True)
class Kernel:
    """A kernel that is compiled when it is first launched.

    Attributes:
        key: names all that the text depends on.
        source: makes the text.
    """

    key: str
    source: Callable[[], str]


def elementwise_kernel(circuit: Circuit, variant: Variant) -> Kernel:
    """A circuit on operand sets; see `source.elementwise`."""
    return _kernel("elementwise", variant, (circuit,), lambda: source.elementwise(lowered(circuit, variant, "gates")))


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


_counting: dict[tuple[str, Variant, int], Lowered] = {}


def counting(circuit: Circuit, variant: Variant, zeros: int = 0) -> Lowered:
    """What the circuit's kernels count, made once."""
    name = (circuit.network.digest, variant, zeros)
    if name not in _counting:
        _counting[name] = lowered(circuit, variant, "gates", zeros)
    return _counting[name]


def _kernel(kind: str, variant: Variant, circuits: tuple[Circuit, ...], text: Callable[[], str]) -> Kernel:
    networks = [circuit.network.digest for circuit in circuits]
    return Kernel(digest_of(kind, variant, *networks, _version()), text)


@lru_cache(maxsize=1)
def _version() -> str:
    """SHA-256 over the sources, and the word programs, that a kernel's text depends on."""
    folder = Path(lowering.__file__).parent
    files = sorted([*folder.glob("*.py"), *folder.glob("programs/*.*")])
    return source_digest(*map(str, files), source.__file__, sum_source.__file__, packing.__file__)
