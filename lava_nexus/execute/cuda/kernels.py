"""Which kernels a circuit or a sum needs, by the digests of what they are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lava_nexus import lowering
from lava_nexus.circuits import Circuit
from lava_nexus.disk_cache import source_digest
from lava_nexus.execute.cuda import packing, source
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
    return _kernel("elementwise", variant, (circuit,), lambda: source.elementwise(_lowered(circuit, variant, "gates")))


def contraction_kernel(first: Circuit, then: Circuit, fused: bool, variant: Variant) -> Kernel:
    """Sums of products in index order; see `source.contraction`."""
    return _kernel(
        f"contraction {fused}",
        variant,
        (first, then),
        lambda: source.contraction(_lowered(first, variant, "first"), _lowered(then, variant, "then"), fused),
    )


def product_kernel(first: Circuit, variant: Variant) -> Kernel:
    """Products of a tile of terms; see `source.tiled_products`."""
    return _kernel("products", variant, (first,), lambda: source.tiled_products(_lowered(first, variant, "first")))


def addition_kernel(then: Circuit, variant: Variant) -> Kernel:
    """Products of a tile added in index order; see `source.tiled_additions`."""
    return _kernel("additions", variant, (then,), lambda: source.tiled_additions(_lowered(then, variant, "then")))


def fold_kernel(then: Circuit, variant: Variant) -> Kernel:
    """Rows folded in index order; see `source.folding`."""
    return _kernel("folding", variant, (then,), lambda: source.folding(_lowered(then, variant, "then")))


def plane_kernel(port: Port) -> Kernel:
    """A matrix as bit planes; see `source.planes`."""
    return Kernel(digest_of("planes", port.width, _version()), lambda: source.planes(port))


_counting: dict[tuple[str, Variant], Lowered] = {}


def counting(circuit: Circuit, variant: Variant) -> Lowered:
    """What the circuit's kernels count, made once."""
    name = (circuit.network.digest, variant)
    if name not in _counting:
        _counting[name] = _lowered(circuit, variant, "gates")
    return _counting[name]


def _lowered(circuit: Circuit, variant: Variant, name: str) -> Lowered:
    return lowered(circuit, variant, name)


def _kernel(kind: str, variant: Variant, circuits: tuple[Circuit, ...], text: Callable[[], str]) -> Kernel:
    networks = [circuit.network.digest for circuit in circuits]
    return Kernel(digest_of(kind, variant, *networks, _version()), text)


@lru_cache(maxsize=1)
def _version() -> str:
    """SHA-256 over the sources that a kernel's text depends on."""
    files = sorted(Path(lowering.__file__).parent.glob("*.py"))
    return source_digest(*map(str, files), source.__file__, packing.__file__)
