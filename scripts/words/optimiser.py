"""ABC as a tool: look-ups made fewer by mapping with structural choices and by don't-cares, and proved equal.

Source: R. Brayton and A. Mishchenko, "ABC: an academic industrial-strength verification tool", CAV 2010.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lava_nexus.errors import NexusError
from lava_nexus.lowering.luts import FALSE, N_CONSTANTS, PROJECTIONS, TRUE, Look, trimmed
from lava_nexus.lowering.ordered import OrderedGraph, sorted_looks

_CHOICES = "strash; &get -n; &dch -f; &if -K 3 -a; &mfs; &put"
_MAPPED = "strash; dch; if -K 3 -a"
_RESUBSTITUTED = "mfs2 -e -a -W 4 -F 100 -D 200 -M 500 -L 10000 -C 10000"
_REWRITTEN = "strash; drw -z; resub -K 8 -N 2; drf -z"
_WAYS = (
    f"{_CHOICES}; {_RESUBSTITUTED}",
    f"{_MAPPED}; {_RESUBSTITUTED}",
    f"{_CHOICES}; {_RESUBSTITUTED}; {_CHOICES}; {_RESUBSTITUTED}",
    f"{_MAPPED}; {_RESUBSTITUTED}; {_CHOICES}; {_RESUBSTITUTED}; {_MAPPED}; {_RESUBSTITUTED}",
    f"{_REWRITTEN}; {_CHOICES}; {_RESUBSTITUTED}",
    f"{_CHOICES}; {_RESUBSTITUTED}; {_CHOICES}; {_RESUBSTITUTED}; {_CHOICES}; {_RESUBSTITUTED}",
)
"""From a program to one that may be smaller; some become larger on the way."""


class Optimiser:
    """ABC by its command.

    Attributes:
        command: for example "berkeley-abc" or "yosys-abc".
    """

    def __init__(self, command: str) -> None:
        self.command = command

    def smaller(self, own: OrderedGraph, seconds: float) -> OrderedGraph:
        """The graph with the fewest look-ups that is found in seconds of processor time.

        Each way starts from the best so far, until none of them makes it smaller.
        """
        end = _spent() + seconds
        roots = kept(own)
        with tempfile.TemporaryDirectory() as folder:
            best, made, failed = Path(folder) / "best.blif", Path(folder) / "made.blif", 0
            best.write_text(to_blif(own, roots))
            size = _size(best.read_text())
            while failed < len(_WAYS):
                for way in _WAYS:
                    made.unlink(missing_ok=True)
                    left = end - _spent()
                    if left > 0:
                        self.run(f"read_blif {best}; {way}; write_blif {made}", left)
                    text = made.read_text() if made.exists() else ""
                    found = _size(text) if text.rstrip().endswith(".end") else size
                    if found < size:
                        size, failed = found, 0
                        best.write_text(text)
                    else:
                        failed += 1
            found_ = from_blif(best.read_text(), own, roots)
        return found_ if len(found_.tables) < len(own.tables) else own

    def equal(self, one: str, other: str, seconds: float) -> bool:
        """Whether two programs, as text, are proved equal in seconds of processor time; ports go by name."""
        with tempfile.TemporaryDirectory() as folder:
            paths = Path(folder) / "one.blif", Path(folder) / "other.blif"
            for path, text in zip(paths, (one, other), strict=True):
                path.write_text(text)
            return "are equivalent" in self.run(f"cec {paths[0]} {paths[1]}", seconds)

    def run(self, commands: str, seconds: float) -> str:
        """What ABC prints, as far as it comes in seconds of processor time.

        Raises:
            NexusError: it is not installed.
        """
        limit = max(1, round(seconds))
        command = [*("prlimit", f"--cpu={limit}"), self.command, "-s", "-c", commands]
        if shutil.which(self.command) is None:
            raise NexusError(f"optimiser '{self.command}' is not installed: apt-get install berkeley-abc")
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _spent() -> float:
    """Processor seconds of all that was run."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def kept(graph: OrderedGraph) -> list[int]:
    """The values that must stay: outputs in order, then those counted."""
    return [*graph.outputs.tolist(), *sorted(graph.counted)]


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
        table, leaves = trimmed(_table(rows, [known[source] for source in sources]), leaves)
        if not leaves:
            found = TRUE if table else FALSE
        elif table == PROJECTIONS[0]:
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


def _size(text: str) -> int:
    """Look-ups of a program that are no wires: more than one input, or one that is inverted."""
    blocks = [block.split("\n") for block in text.replace("\\\n", " ").split(".names")[1:]]
    return sum(len(head.split()) > 2 or (len(head.split()) == 2 and rows[0] == "0 1") for head, *rows in blocks)


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
