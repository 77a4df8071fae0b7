"""Look-ups in order as straight-line CUDA C: a variable a value, one `lop3` a look-up, counts beside the values.

A look-up reads `lop3.b32 d, c, b, a, table`: LOP3 numbers its inputs from the most significant, graphs from the least.
What counts is `asm volatile`: the compiler would otherwise gather the terms of a sum and keep all alive.

Set bits are counted by carry-save adders, where many values weigh the same: three words a, b, c of weight w are
a xor b xor c of weight w and majority(a, b, c) of weight 2 w, two LOP3 for a POPC, which runs at a quarter of the rate.
Source: H. S. Warren, "Hacker's Delight", 2nd ed., section 5-1 (Harley and Seal).
"""

from __future__ import annotations

from collections import Counter

from lava_nexus.lowering.counting import Counts, Weights
from lava_nexus.lowering.luts import FALSE, MAJORITY, N_CONSTANTS, TRUE, XOR3
from lava_nexus.lowering.ordered import OrderedGraph
from lava_nexus.lowering.pieces import Cut, cut

CLASSES = 8
"""Classes of values of one weight that have carry-save adders of their own; each holds registers."""
_LEVELS = 4
"""Doublings of a weight before a carry is counted at once."""
_FEWEST_ALIKE = 8
MOST_INLINE = 9000
"""Look-ups of the largest graph that is one function: compilers take far more than twice as long for twice as many."""

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
    32 sets add, what every set adds left out; it must not overflow before the caller takes it over. What is too large
    for one function is a function a piece of it, which pass values on through an array that each thread has.
    """
    parts = cut(graph, MOST_INLINE, given.of if given else ())
    if len(parts.pieces) == 1:
        return cuda_piece(graph, name, parts, 0, given)
    calls = [f"{name}{i}" for i in range(len(parts.pieces))]
    texts = [cuda_piece(graph, call, parts, i, given, "__noinline__") for i, call in enumerate(calls)]
    lines = [*_head("__forceinline__", name, graph, ""), f"  u32 slot[{parts.size}];"]
    return "\n".join([*texts, *lines, *(f"  {call}(in, out, total, slot);" for call in calls), "}", ""])


def cuda_piece(
    graph: OrderedGraph, name: str, parts: Cut, number: int, given: Weights | None,
    how: str = "__forceinline__", stride: int = 1,
) -> str:  # fmt: skip
    """A piece as a device function like `cuda_function`'s; of several, with `u32 *slot` too, slots that far apart."""
    more = ", u32 *slot" if len(parts.pieces) > 1 else ""
    lines = _statements(graph, parts, number, given, stride)
    return "\n".join([*_head(how, name, graph, more), *lines, "}", ""])


def _head(how: str, name: str, graph: OrderedGraph, more: str) -> list[str]:
    given, yields = max(graph.n_inputs, 1), max(len(graph.outputs), 1)
    arguments = f"const u32 (&in)[{given}], u32 (&out)[{yields}], u32 (&total)[3]{more}"
    return [f"__device__ {how} void {name}(", f"    {arguments}) {{"]


def _statements(graph: OrderedGraph, parts: Cut, number: int, given: Weights | None, stride: int) -> list[str]:
    """A piece: what it reads from inputs and slots, its look-ups with what counts them, outputs and slots written."""
    piece = parts.pieces[number]
    slots = {value: slot * stride for value, slot in parts.slots.items()}
    counting = _CarrySave(given) if given is not None and given.of else None
    lines: list[str] = []
    known = {FALSE, TRUE}

    def read(value: int, place: str = "") -> None:
        if value not in known:
            known.add(value)
            lines.append(f"  const u32 {named(value)} = {place or f'slot[{slots[value]}]'};")

    def made(value: int) -> None:
        if counting:
            lines.extend(counting.value(value))
        if value in slots:
            lines.append(f"  slot[{slots[value]}] = {named(value)};")

    if number == 0:
        for value in range(N_CONSTANTS, graph.first):
            read(value, f"in[{value - N_CONSTANTS}]")
            made(value)
    for value in piece.values:
        sources = graph.reads[value - graph.first].tolist()
        for source in sources:
            read(source)
        a, b, c = map(named, sources)
        known.add(value)
        lines.append(f"  u32 v{value}; LOOK(v{value}, {a}, {b}, {c}, {int(graph.tables[value - graph.first]):#x});")
        if value in piece.own:
            made(value)
    if counting:
        lines += counting.rest()
    if number == len(parts.pieces) - 1:
        for place, value in enumerate(graph.outputs.tolist()):
            read(value)
            lines.append(f"  out[{place}] = {named(value)};")
    return lines


def named(value: int) -> str:
    """A value in source text."""
    return {FALSE: "0u", TRUE: "~0u"}.get(value, f"v{value}")


class _CarrySave:
    """Statements that count set bits: of the most frequent weights by carry-save adders, of the others one by one.

    Weights that are one another's doubles share adders: a value of twice the weight goes in where carries do.
    """

    def __init__(self, given: Weights) -> None:
        self._of = given.of
        alike = Counter(_halved(counts)[0] for counts in given.of.values()).most_common(CLASSES)
        self._waiting: dict[Counts, list[list[str]]] = {
            counts: [[] for _ in range(_LEVELS)] for counts, number in alike if number >= _FEWEST_ALIKE
        }
        self._made = 0

    def value(self, value: int) -> list[str]:
        """Counts a value."""
        counts = self._of.get(value)
        if counts is None:
            return []
        least, level = _halved(counts)
        if least in self._waiting and level < _LEVELS:
            return self._taken(least, level, named(value))
        return self._counted(counts, named(value))

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


def _halved(counts: Counts) -> tuple[Counts, int]:
    """The weights without the power of two that they share, and its exponent."""
    common = 0
    for count in counts:
        common |= count
    level = (common & -common).bit_length() - 1
    return tuple(count >> level for count in counts), level
