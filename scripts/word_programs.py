"""Word programs that ship with the package: look-ups of the operations most used, made fewer by a logic optimiser.

    python scripts/word_programs.py --optimiser berkeley-abc     makes all that are missing or of another network
    python scripts/word_programs.py --optimiser none             the same, of the look-ups as they are lowered
    python scripts/word_programs.py --quick                      holds what ships against the network's own look-ups

A program is kept under the digest of its network. ABC (mapping with structural choices, don't-cares)
proposes; it is taken if ABC proves it equal, if it equals the network's own look-ups on random words and if it
is smaller. Source: R. Brayton and A. Mishchenko, "ABC: an academic industrial-strength verification tool", CAV 2010.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.cli import run_guarded
from lava_nexus.errors import NexusError
from lava_nexus.files import write_bytes
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, FLOAT32, FLOAT64
from lava_nexus.lowering.luts import FALSE, N_CONSTANTS, PROJECTIONS, TRUE, Look, trimmed
from lava_nexus.lowering.ordered import (
    OrderedGraph,
    Variant,
    lower,
    shipped_bytes,
    shipped_graph,
    shipped_path,
    sorted_looks,
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
_MAPPED = "strash; dch; if -K 3 -a; mfs2 -a"
_CHOICES = "strash; &get -n; &dch -f; &if -K 3 -a; &mfs; &put"
_ROUNDS = (_CHOICES, _MAPPED, _CHOICES, _MAPPED, _CHOICES)
_SECONDS = 100
_LARGEST = 9000
"""Look-ups of the largest program that the optimiser is given."""


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


def main() -> None:
    """Makes or checks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optimiser", default="berkeley-abc", help="ABC's command, or none")
    parser.add_argument("--only", nargs="*", help="operations, as 'add float32'")
    parser.add_argument("--quick", action="store_true", help="checks the smallest program and makes none")
    arguments = parser.parse_args()
    for one, variant in shipping():
        if arguments.only and one.label not in arguments.only:
            continue
        if arguments.quick and one.label != "add bfloat16":
            continue
        ships = shipped_path(one.network.digest, variant).exists()
        kept = shipped_graph(one.network, variant) if ships else None
        if kept is None and arguments.quick:
            raise NexusError(f"no word program of {one.label} ({variant}) ships for network {one.network.digest}")
        if arguments.quick:
            check(one, kept, lower(one.network, variant))  # type: ignore[arg-type]
        if kept is None:
            own = lower(one.network, variant)
            kept = own if arguments.optimiser == "none" else smaller(one, own, arguments.optimiser)
            write_bytes(shipped_path(one.network.digest, variant), shipped_bytes(kept, one.network.digest, one.label))
        print(f"{one.label} ({variant}): {len(kept.tables)} look-ups", flush=True)


def smaller(one: Circuit, own: OrderedGraph, optimiser: str) -> OrderedGraph:
    """The graph with the fewest look-ups found, its own where nothing smaller is."""
    if len(own.tables) > _LARGEST:
        return own
    roots = sorted({*own.outputs.tolist(), *own.counted} - {FALSE, TRUE})
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder) / "0.blif"
        start.write_text(to_blif(own, roots))
        made = [Path(folder) / f"{i + 1}.blif" for i in range(len(_ROUNDS))]
        steps = "; ".join(f"{step}; write_blif {path}" for step, path in zip(_ROUNDS, made, strict=True))
        print(f"{one.label}: {len(own.tables)} look-ups, optimised for at most {_SECONDS} s", file=sys.stderr)
        _abc(optimiser, f"read_blif {start}; {steps}", _SECONDS)
        found = [
            (from_blif(path.read_text(), own, roots), path)
            for path in made
            if path.exists() and path.read_text().rstrip().endswith(".end")
        ]
        for graph, path in sorted(found, key=lambda pair: len(pair[0].tables)):
            equal = len(graph.tables) < len(own.tables) and _abc(optimiser, f"cec {start} {path}", _SECONDS)
            if equal and "are equivalent" in equal:
                check(one, graph, own)
                return graph
    return own


def _abc(optimiser: str, commands: str, seconds: int) -> str:
    try:
        done = subprocess.run([optimiser, "-c", commands], capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        return (error.stdout or b"").decode()
    except FileNotFoundError:
        raise NexusError(f"optimiser '{optimiser}' is not installed: apt-get install berkeley-abc") from None
    return done.stdout


def to_blif(graph: OrderedGraph, roots: Sequence[int]) -> str:
    """The graph in Berkeley's logic interchange format, a value v a signal."""
    lines = [".model m", ".inputs " + " ".join(f"v{N_CONSTANTS + i}" for i in range(graph.n_inputs))]
    lines += [".outputs " + " ".join(f"o{i}" for i in range(len(roots))), ".names v0", ".names v1", "1"]
    for i, (table, (a, b, c)) in enumerate(zip(graph.tables.tolist(), graph.reads.tolist(), strict=True)):
        if table in (0x00, 0xFF):
            lines += [f".names v{graph.first + i}", *(["1"] if table else [])]
            continue
        lines.append(f".names v{a} v{b} v{c} v{graph.first + i}")
        lines += [f"{m & 1}{m >> 1 & 1}{m >> 2 & 1} 1" for m in range(8) if table >> m & 1]
    lines += [line for i, root in enumerate(roots) for line in (f".names v{root} o{i}", "1 1")]
    return "\n".join([*lines, ".end", ""])


def from_blif(text: str, own: OrderedGraph, roots: Sequence[int]) -> OrderedGraph:
    """The inverse, for a graph of the same inputs, outputs and counted values."""
    signals: dict[str, tuple[list[str], list[str]]] = {}
    for block in text.replace("\\\n", " ").split(".names")[1:]:
        head, *rows = block.strip().split("\n")
        *inputs, name = head.split()
        signals[name] = inputs, [row for row in rows if row and not row.startswith(".")]
    nodes = {f"v{N_CONSTANTS + i}": N_CONSTANTS + i for i in range(own.n_inputs)}
    looks: dict[int, Look] = {}

    def node(name: str) -> int:
        if name in nodes:
            return nodes[name]
        inputs, rows = signals[name]
        sources = [node(one) for one in inputs]
        if not inputs:
            return nodes.setdefault(name, TRUE if rows and rows[0].strip() == "1" else FALSE)
        leaves = tuple(sorted({source for source in sources if source > TRUE}))
        known = {FALSE: 0, TRUE: 0xFF, **dict(zip(leaves, PROJECTIONS, strict=False))}
        table = _table(rows, [known[source] for source in sources])
        table, leaves = trimmed(table, leaves)
        if not leaves:
            found = TRUE if table else FALSE
        elif table == 0xAA:
            found = leaves[0]
        else:
            found = own.first + len(looks)
            looks[found] = table, leaves
        nodes[name] = found
        return found

    sys.setrecursionlimit(100_000)
    known = {root: node(f"o{i}") for i, root in enumerate(roots)} | {FALSE: FALSE, TRUE: TRUE}
    leaves = [N_CONSTANTS + i for i in range(own.n_inputs)]
    outputs, counted, probes = ([known[v] for v in of.tolist()] for of in (own.outputs, own.signals, own.probes))
    return sorted_looks(looks, leaves, outputs, counted, probes)


def _table(rows: Sequence[str], operands: Sequence[int]) -> int:
    """The truth table of a cover whose inputs have these tables; all rows say the same value."""
    result, value = 0, 1
    for row in rows:
        cube, _, says = row.rpartition(" ")
        value = int(says)
        term = 0xFF
        for literal, operand in zip(cube, operands, strict=True):
            term &= {"1": operand, "0": ~operand, "-": 0xFF}[literal]
        result |= term
    return result & 0xFF if value else ~result & 0xFF


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

    Raises:
        NexusError: they differ.
    """
    rng = np.random.default_rng(0)
    bits, more = (rng.integers(0, 1 << 64, (own.n_inputs, words), np.uint64) for _ in range(2))
    bits[:, 1::4] &= more[:, 1::4]
    bits[:, 2::4] |= more[:, 2::4]
    bits[:, 3::4] = more[:1, 3::4]
    found, expected = values(graph, bits), values(own, bits)
    for name in ("outputs", "signals", "probes"):
        if not np.array_equal(found[getattr(graph, name)], expected[getattr(own, name)]):
            raise NexusError(f"the program of {one.label} differs from its network in its {name}")


if __name__ == "__main__":
    run_guarded(main)
