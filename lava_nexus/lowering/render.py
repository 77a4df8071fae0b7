"""Look-ups in order as straight-line CUDA C: a variable a value, one `lop3` a look-up, counts beside the values.

A look-up reads `lop3.b32 d, c, b, a, table`: LOP3 numbers its inputs from the most significant, graphs from the least.
Everything that counts is `asm volatile`: the compiler would otherwise gather the terms of a sum and keep all alive.

Set bits are counted by carry-save adders, where many values weigh the same: three words a, b, c of weight w are
a xor b xor c of weight w and majority(a, b, c) of weight 2 w, two LOP3 for a POPC, which runs at a quarter of the rate.
Source: H. S. Warren, "Hacker's Delight", 2nd ed., section 5-1 (Harley and Seal).

What one set bit of each value adds to the totals of a run: spikes, SynOps and active updates.

    spikes = sum over neurons of s_k,  SynOps = sum over signals of s_j * fan-out_j,  active = sum over neurons of a_k

where s is 1 for a spike and a for a neuron that received a spike or fired. Signals that share a look-up are one value
of the graph, so a value carries the sum of what they add.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lava_nexus.lowering.luts import FALSE, MAJORITY, N_CONSTANTS, TRUE, XOR3
from lava_nexus.lowering.ordered import OrderedGraph
from lava_nexus.neurons import ThresholdNetwork

TOTALS = 3
"""Spikes of neurons, SynOps, active updates."""

Counts = tuple[int, ...]


@dataclass(frozen=True)
class Weights:
    """Totals as weighted sums over values.

    Attributes:
        of: for each value that varies, what a set bit of it adds to spikes, SynOps and active updates.
        always: what every operand set adds, whatever its patterns.
    """

    of: dict[int, Counts]
    always: Counts

    @property
    def most(self) -> int:
        """The most that one operand set adds to any total."""
        return max(sum(weights[i] for weights in self.of.values()) + self.always[i] for i in range(TOTALS))


def weights(network: ThresholdNetwork, graph: OrderedGraph) -> Weights:
    """What the values of a network's graph add; of a graph that counts nothing, nothing."""
    found: dict[int, list[int]] = {}

    def add(value: int, total: int, amount: int) -> None:
        if value != FALSE and amount:
            found.setdefault(value, [0] * TOTALS)[total] += amount

    fan_out = network.fan_out.tolist()
    for signal, value in enumerate(graph.signals.tolist()):
        add(value, 0, int(signal >= network.n_inputs))
        add(value, 1, int(fan_out[signal]))
    for value in graph.probes.tolist():
        add(value, 2, 1)
    always = tuple(found.pop(TRUE, [0] * TOTALS))
    return Weights({value: tuple(counts) for value, counts in sorted(found.items())}, always)


def idle(graph: OrderedGraph, given: Weights) -> Counts:
    """What one operand set of zeros adds, `always` left out: what is taken off again for lanes that pad a word."""
    values = np.zeros(graph.first + len(graph.tables), np.uint8)
    values[TRUE] = 1
    for i, (table, (a, b, c)) in enumerate(zip(graph.tables.tolist(), graph.reads.tolist(), strict=True)):
        values[graph.first + i] = table >> (values[a] + 2 * values[b] + 4 * values[c]) & 1
    fired = [counts for value, counts in given.of.items() if values[value]]
    return tuple(sum(counts[i] for counts in fired) for i in range(TOTALS))


_CLASSES = 2
"""Classes of values of one weight that have carry-save adders of their own; each holds registers."""
_LEVELS = 3
"""Doublings of a weight before a carry is counted at once."""
_FEWEST_ALIKE = 8

PREAMBLE = """\
typedef unsigned int u32;
typedef unsigned long long u64;
#define LOOK(d, a, b, c, t) asm("lop3.b32 %0, %1, %2, %3, " #t ";" : "=r"(d) : "r"(c), "r"(b), "r"(a))
#define KEEP(d, a, b, c, t) asm volatile("lop3.b32 %0, %1, %2, %3, " #t ";" : "=r"(d) : "r"(c), "r"(b), "r"(a))
#define POPC(d, a) asm volatile("popc.b32 %0, %1;" : "=r"(d) : "r"(a))
#define MORE(d, p, w) asm volatile("mad.lo.u32 %0, %1, " #w ", %0;" : "+r"(d) : "r"(p))
"""


def cuda_function(graph: OrderedGraph, name: str, given: Weights | None = None) -> str:
    """A device function that evaluates the graph for the 32 operand sets of a word.

    void name(const u32 (&in)[input bits], u32 (&out)[output bits], u32 (&total)[3])

    Bits are numbered as the graph numbers them: ports in order, each LSB first. With weights, `total` grows by what the
    32 sets add, what every set adds left out; it must not overflow before the caller takes it over.
    """
    counting = _CarrySave(given) if given is not None and given.of else None
    lines = [f"__device__ __forceinline__ void {name}(", *_signature(graph), "{"]
    lines += [f"  const u32 v{N_CONSTANTS + i} = in[{i}];" for i in range(graph.n_inputs)]
    if counting:
        for i in range(graph.n_inputs):
            lines += counting.value(N_CONSTANTS + i)
    word = "KEEP" if counting else "LOOK"
    for i, (table, read) in enumerate(zip(graph.tables.tolist(), graph.reads.tolist(), strict=True)):
        value = graph.first + i
        a, b, c = map(named, read)
        lines.append(f"  u32 v{value}; {word}(v{value}, {a}, {b}, {c}, {table:#x});")
        if counting:
            lines += counting.value(value)
    if counting:
        lines += counting.rest()
    lines += [f"  out[{i}] = {named(value)};" for i, value in enumerate(graph.outputs.tolist())]
    return "\n".join([*lines, "}", ""])


def named(value: int) -> str:
    """A value in source text."""
    return {FALSE: "0u", TRUE: "~0u"}.get(value, f"v{value}")


def _signature(graph: OrderedGraph) -> Sequence[str]:
    yields = max(len(graph.outputs), 1)
    return [f"    const u32 (&in)[{max(graph.n_inputs, 1)}], u32 (&out)[{yields}], u32 (&total)[3])"]


class _CarrySave:
    """Statements that count set bits: of the most frequent weights by carry-save adders, of the others one by one."""

    def __init__(self, given: Weights) -> None:
        self._of = given.of
        alike = Counter(given.of.values()).most_common(_CLASSES)
        self._waiting: dict[Counts, list[list[str]]] = {
            counts: [[] for _ in range(_LEVELS)] for counts, number in alike if number >= _FEWEST_ALIKE
        }
        self._made = 0

    def value(self, value: int) -> list[str]:
        """Counts a value."""
        counts = self._of.get(value)
        if counts is None:
            return []
        return self._taken(counts, 0, named(value)) if counts in self._waiting else self._counted(counts, named(value))

    def rest(self) -> list[str]:
        """Counts what still waits for others of its weight."""
        lines = []
        for counts, levels in self._waiting.items():
            for level, waiting in enumerate(levels):
                for name in waiting:
                    lines += self._counted(tuple(count << level for count in counts), name)
        return lines

    def _taken(self, counts: Counts, level: int, name: str) -> list[str]:
        if level == _LEVELS:
            return self._counted(tuple(count << level for count in counts), name)
        waiting = self._waiting[counts][level]
        waiting.append(name)
        if len(waiting) < 3:
            return []
        digit, carry = self._name(), self._name()
        lines = [
            f"  u32 {into}; KEEP({into}, {', '.join(waiting)}, {table:#x});"
            for into, table in ((digit, XOR3), (carry, MAJORITY))
        ]
        waiting[:] = [digit]
        return lines + self._taken(counts, level + 1, carry)

    def _counted(self, counts: Counts, name: str) -> list[str]:
        bits = self._name()
        more = [f"MORE(total[{i}], {bits}, {count});" for i, count in enumerate(counts) if count]
        return [f"  u32 {bits}; POPC({bits}, {name}); {' '.join(more)}"]

    def _name(self) -> str:
        self._made += 1
        return f"c{self._made}"
