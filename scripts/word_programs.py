"""Word programs that ship with the package: look-ups of the operations most used, made fewer by a logic optimiser.

    python scripts/word_programs.py                      makes all that are missing or of another network
    python scripts/word_programs.py --again              makes all, keeps what is smaller than what ships
    python scripts/word_programs.py --optimise none      the look-ups as they are lowered, where a program is missing
    python scripts/word_programs.py --quick              holds what ships against the network's own look-ups

A program is kept under the digest of its network. ABC (mapping with structural choices, don't-cares) proposes, from the
network's own look-ups and, where spikes are not counted, from the same operation drawn in look-ups (`words.cells`) or
in gates of the nexus basis. What it proposes is taken if it is proved equal (`words.proof`), if it equals the network's
own look-ups on hard words and if it is smaller. Source: R. Brayton and A. Mishchenko, "ABC: an academic
industrial-strength verification tool", CAV 2010.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from words.cells import drawn, graph_of
from words.optimiser import Optimiser, to_blif
from words.proof import prove

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.cli import run_guarded
from lava_nexus.errors import NexusError
from lava_nexus.files import write_bytes
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, FLOAT32, FLOAT64, FloatFormat
from lava_nexus.lowering.luts import N_CONSTANTS, TRUE
from lava_nexus.lowering.ordered import (
    OrderedGraph,
    Variant,
    lower,
    shipped_bytes,
    shipped_graph,
    shipped_path,
)

BASIC = ("add", "sub", "mul", "div", "fma", "sqrt")
SELECTING = ("min", "max", "compare_lt", "compare_le", "compare_eq", "neg", "abs")
FUNCTIONS = (
    "exp",
    "exp2",
    "log",
    "rsqrt",
    "reciprocal",
    "sigmoid",
    "tanh",
    "silu",
    "gelu",
    "gelu_tanh",
    "erf",
    "sin",
    "cos",
)
_MULTIPLYING = ("mul", "fma", *FUNCTIONS)
"""Operations with products, which satisfiability alone does not prove."""

_EXHAUSTED = 16
"""Input bits up to which every operand set is tried."""

Start = tuple[OrderedGraph, Callable[[], bool]]


def shipping() -> Iterator[tuple[Circuit, Variant]]:
    """Every program that ships; of the others, without counting, the counted ones less what no output reads."""
    for fmt in (FLOAT32, BFLOAT16, FLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2):
        for name in BASIC:
            for variant in ("outputs", "spikes"):
                yield circuit(name, fmt), variant  # type: ignore[misc]
        for name in SELECTING:
            yield circuit(name, fmt), "spikes"
    for name in BASIC + SELECTING:
        yield circuit(name, FLOAT64), "spikes"
    for name in FUNCTIONS:
        yield circuit(name, FLOAT32), "spikes"
    for fmt in (FLOAT32, BFLOAT16, FLOAT16):
        for name in FUNCTIONS:
            yield circuit(name, fmt), "outputs"


def main() -> None:
    """Makes or checks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optimise", default="berkeley-abc", metavar="COMMAND", help="ABC's command, or none")
    parser.add_argument("--seconds", type=float, default=60, help="for each program and each of its starts")
    parser.add_argument("--only", nargs="*", help="operations, as 'add float32', or '...:outputs'")
    parser.add_argument("--again", action="store_true", help="also those that ship")
    parser.add_argument("--quick", action="store_true", help="checks the smallest program and makes none")
    arguments = parser.parse_args()
    optimiser = None if arguments.optimise == "none" else Optimiser(arguments.optimise)
    for one, variant in shipping():
        if arguments.only and not {one.label, f"{one.label}:{variant}"} & {*arguments.only}:
            continue
        if arguments.quick and one.label != "add bfloat16":
            continue
        ships = shipped_path(one.network.digest, variant).exists()
        present = shipped_graph(one.network, variant) if ships else None
        if present is None and arguments.quick:
            raise NexusError(f"no word program of {one.label} ({variant}) ships for network {one.network.digest}")
        if arguments.quick:
            check(one, present, lower(one.network, variant))  # type: ignore[arg-type]
        elif present is None or arguments.again:
            make(one, variant, present, optimiser, arguments.seconds)
        else:
            print(f"{one.label} ({variant}): {len(present.tables)} look-ups", flush=True)


def make(
    one: Circuit, variant: Variant, present: OrderedGraph | None, optimiser: Optimiser | None, seconds: float
) -> None:
    """Ships the smallest program found and proved, if it is smaller than the present one, and says what it is."""
    began = time.monotonic()
    own = lower(one.network, variant)
    best = own if present is None else present
    if optimiser is not None:
        print(f"{one.label} ({variant}): optimising for at most {seconds:g} s a start", file=sys.stderr)
        for start, proved in starts(one, variant, own, best, optimiser, seconds):
            found = optimiser.smaller(start, seconds)
            equal = len(found.tables) < len(best.tables) and proved()
            if equal and (found is start or optimiser.equal(_text(start), _text(found), 10 * seconds)):
                check(one, found, own)
                best = found
    if best is not present:
        data = shipped_bytes(best, one.network.digest, one.label)
        write_bytes(shipped_path(one.network.digest, variant), data)
    sizes = [len(graph.tables) for graph in (own, present, best) if graph is not None]
    print(
        f"{one.label} ({variant}): {' -> '.join(map(str, sizes))} look-ups, {time.monotonic() - began:.0f} s",
        flush=True,
    )


def starts(
    one: Circuit, variant: Variant, own: OrderedGraph, present: OrderedGraph, optimiser: Optimiser, seconds: float
) -> Iterator[Start]:
    """Programs to start from, each with what proves it equal to the network's own look-ups."""
    fmt = one.output.format

    def same(graph: OrderedGraph) -> bool:
        return exhausted or optimiser.equal(_text(own), _text(graph), 10 * seconds)

    exhausted = own.n_inputs <= _EXHAUSTED  # `check` tries every operand set
    if variant != "outputs" or not isinstance(fmt, FloatFormat):
        yield present, lambda: present is own or same(present)
        return
    ways = [(graph_of(drawn(one.name, fmt, recodes)), recodes) for recodes in (True, False)]
    graph, recodes = min(ways, key=lambda way: len(way[0].tables))
    yield graph, partial(_drawn_is_proved, one.name, fmt, recodes, optimiser, 0 if exhausted else 10 * seconds)
    if one.name not in _MULTIPLYING:
        nexus = lower(circuit(one.name, fmt, basis="nexus").network, "outputs")
        yield nexus, partial(same, nexus)


def _drawn_is_proved(name: str, fmt: FloatFormat, recodes: bool, optimiser: Optimiser, seconds: float) -> bool:
    return not seconds or prove(name, fmt, recodes, optimiser, seconds)


def _text(graph: OrderedGraph) -> str:
    """The program with outputs, signals and probes in an order that all programs of a network have."""
    return to_blif(graph, [*graph.outputs.tolist(), *graph.signals.tolist(), *graph.probes.tolist()])


def values(graph: OrderedGraph, bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Every value of a graph on words of operand sets, uint64 [input bits, words]."""
    found = np.zeros((graph.first + len(graph.tables), bits.shape[1]), np.uint64)
    found[TRUE] = ~np.uint64(0)
    found[N_CONSTANTS : graph.first] = bits
    for i, (table, (a, b, c)) in enumerate(zip(graph.tables.tolist(), graph.reads.tolist(), strict=True)):
        x, y, z = found[a], found[b], found[c]
        for minterm in range(8):
            if table >> minterm & 1:
                found[graph.first + i] |= (
                    (x if minterm & 1 else ~x) & (y if minterm & 2 else ~y) & (z if minterm & 4 else ~z)
                )
    return found


def check(one: Circuit, graph: OrderedGraph, own: OrderedGraph, words: int = 512) -> None:
    """Compares outputs and counted values on 64 `words` random operand sets, three in four of them sparse or dense.

    Where they are few, on all operand sets.

    Raises:
        NexusError: they differ.
    """
    rng = np.random.default_rng(0)
    bits, more = (rng.integers(0, 1 << 64, (own.n_inputs, words), np.uint64) for _ in range(2))
    bits[:, 1::4] &= more[:, 1::4]
    bits[:, 2::4] |= more[:, 2::4]
    bits[:, 3::4] = more[:1, 3::4]
    if own.n_inputs <= _EXHAUSTED:
        every = np.arange(max(1 << own.n_inputs, 64), dtype=np.uint64)
        planes = [
            np.packbits((every >> np.uint64(i) & 1).astype(np.uint8), bitorder="little") for i in range(own.n_inputs)
        ]
        bits = np.array(planes).view(np.uint64)
    found, expected = values(graph, bits), values(own, bits)
    for name in ("outputs", "signals", "probes"):
        if not np.array_equal(found[getattr(graph, name)], expected[getattr(own, name)]):
            raise NexusError(f"the program of {one.label} differs from its network in its {name}")


if __name__ == "__main__":
    run_guarded(main)
