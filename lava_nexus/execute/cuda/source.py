"""Kernels as CUDA C: operand sets packed into words, 32 to a word and a thread; circuits in line; results unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from threading import Lock

from lava_nexus.circuits import Circuit
from lava_nexus.execute.cuda.packing import PACKING
from lava_nexus.execute.sampled import GROUPS
from lava_nexus.formats import FloatFormat
from lava_nexus.lowering.chains import chained
from lava_nexus.lowering.counting import TOTALS, Counts, Weights, fewer, idle, weights
from lava_nexus.lowering.ordered import OrderedGraph, Variant, ordered_graph, restricted
from lava_nexus.lowering.pieces import Cut, alive
from lava_nexus.lowering.render import PREAMBLE, cuda_function, cuda_piece
from lava_nexus.neurons import Port

THREADS = 128
"""Threads of a block."""
_REGISTERS = {blocks: 65536 // (THREADS * blocks) // 8 * 8 for blocks in range(8, 1, -1)}
"""What a thread has where a multiprocessor holds so many blocks."""

_LANE = "base + (threadIdx.x & 31), 32, n"
"""Sets of a lane, element by element: every 32nd of its warp's."""


@dataclass(frozen=True)
class Lowered:
    """A circuit as a device function.

    Attributes:
        name: of the function.
        text: its source.
        inputs: ports.
        outputs: ports.
        weights: of what is counted; None where nothing is.
        zeros: lowest bits of the second operand that are always 0.
        slots: places for values that it passes on or takes, where it is a piece of a circuit.
        blocks: on a multiprocessor at a time, as a kernel of its own.
    """

    name: str
    text: str
    inputs: Sequence[Port]
    outputs: Sequence[Port]
    weights: Weights | None
    zeros: int = 0
    slots: int = 0
    blocks: int = 1

    def call(self, given: str, into: str, totals: str) -> str:
        """The function on arrays of planes; totals, which may be negative, are taken over in 64 bits."""
        more = ", slot" if self.slots else ""
        if self.weights is None:
            return f"{{ u32 total[3]; {self.name}({given}, {into}, total{more}); }}"
        add = " ".join(f"{totals}[{i}] += (long long)(int)total[{i}];" for i in range(TOTALS))
        return f"{{ u32 total[3] = {{0, 0, 0}}; {self.name}({given}, {into}, total{more}); {add} }}"


@dataclass(frozen=True)
class LookUps:
    """What kernels of a circuit work out.

    Attributes:
        graph: look-ups.
        weights: of what is counted; None where nothing is.
        idle: what an operand set of zeros adds.
    """

    graph: OrderedGraph
    weights: Weights | None
    idle: Counts


def look_ups(circuit: Circuit, variant: Variant, zeros: int = 0) -> LookUps:
    """The circuit's look-ups, for second operands whose lowest `zeros` bits are 0; made once."""
    network = circuit.network
    name = (network.digest, variant, zeros)
    with _making:
        if name not in _look_ups:
            graph = ordered_graph(network, variant)
            if zeros:
                first = network.inputs[0].width
                graph = restricted(graph, range(first, first + zeros))
            graph = chained(graph)
            given = None if variant == "outputs" else fewer(graph, weights(network, graph))
            _look_ups[name] = LookUps(graph, given, idle(graph, given) if given else (0,) * TOTALS)
        return _look_ups[name]


_look_ups: dict[tuple[str, Variant, int], LookUps] = {}
_making = Lock()


def lowered(circuit: Circuit, variant: Variant, name: str, zeros: int = 0) -> Lowered:
    """The circuit's look-ups as a device function of that name, for second operands whose lowest `zeros` bits are 0."""
    what = look_ups(circuit, variant, zeros)
    text = cuda_function(what.graph, name, what.weights)
    ports = circuit.network.inputs, circuit.network.outputs
    return Lowered(name, text, *ports, what.weights, zeros, blocks=at_a_time(what))


def lowered_piece(circuit: Circuit, variant: Variant, parts: Cut, number: int) -> Lowered:
    """A piece of the circuit's look-ups as a device function `gates`, for a kernel of its own."""
    what = look_ups(circuit, variant)
    text = cuda_piece(what.graph, "gates", parts, number, what.weights, stride=THREADS)
    return Lowered("gates", text, circuit.network.inputs, circuit.network.outputs, what.weights, slots=parts.size)


def elementwise(what: Lowered, first: bool = True, last: bool = True) -> str:
    """Kernel `run`: a circuit on n operand sets, 1,024 to a warp; an operand of step 0 is the same for all sets.

    run(const T *operand, long long step, ...; T *result, ...; long long n, u64 *totals, u32 *slots), totals
    [groups, 3] by warp. Of a circuit in pieces the first reads operands, the last writes results, and slots [blocks,
    slots, threads] hold what they pass on.
    """
    arguments = [f"const {c_type(p)} *p{i}, long long s{i}" for i, p in enumerate(what.inputs)]
    arguments += [f"{c_type(port)} *q{i}" for i, port in enumerate(what.outputs)]
    arguments += ["long long n", "u64 *totals", "u32 *slots"]
    body = [f"  u32 in[{_bits(what.inputs)}], out[{_bits(what.outputs)}];"]
    # What is 16 bytes of a lane are other sets for elements of another size.
    alike = len({element_bits(port) for port in (*what.inputs, *what.outputs)}) == 1
    for i, (port, start) in enumerate(zip(what.inputs, _starts(what.inputs), strict=True)):
        pack = f"pack_sets(p{i}, base, n, plane)" if alike else f"pack<{c_kind(port)}>(p{i}, {_LANE}, plane)"
        packed = f"if (s{i}) {pack}; else spread<{c_kind(port)}>(*p{i}, plane);"
        planes = f"  {{ u32 plane[{element_bits(port)}]; {packed} {copied(f'in[{start} + i]', 'plane[i]', port)} }}"
        body += [planes] if first else []
    if what.slots:
        body.append(f"  u32 *slot = slots + (long long)blockIdx.x * {what.slots * THREADS} + threadIdx.x;")
    body.append("  " + what.call("in", "out", "mine"))
    for i, (port, start) in enumerate(zip(what.outputs, _starts(what.outputs), strict=True)):
        unpack = f"unpack_sets(q{i}, base, n, plane)" if alike else f"unpack<{c_kind(port)}>(q{i}, {_LANE}, plane)"
        body += ["  " + unpacked(port, f"out[{start} + i]", unpack)] if last else []
    begin = [
        "  const long long warp = ((long long)blockIdx.x * blockDim.x + threadIdx.x) >> 5, base = warp * 1024;",
        "  if (base >= n) return;",
        "  u64 mine[3] = {0, 0, 0};",
    ]
    tail = [f"  gather(mine, totals + {TOTALS} * (warp % {GROUPS}));"] if what.weights else []
    return whole([what], [head("run", arguments, what.blocks), *begin, *body, *tail])


def totalled(*functions: Lowered, name: str = "mine") -> list[str]:
    """What the threads counted, added to totals [functions, groups, 3]: 32 words t in a row to one group."""
    if functions[0].weights is None:
        return []
    names = [name, "more"][: len(functions)]
    lines = [f"  if (!live) for (int i = 0; i < 3; i++) {one}[i] = 0;" for one in names]
    group = f"{TOTALS} * (t / 32 % {GROUPS})"
    return [*lines, *(f"  gather({one}, totals + {TOTALS * GROUPS * i} + {group});" for i, one in enumerate(names))]


def whole(functions: Sequence[Lowered], lines: Sequence[str]) -> str:
    """The text of a kernel: what it needs, device functions, its head and body."""
    texts = {function.name: function.text for function in functions}
    return "\n".join([PREAMBLE, PACKING, *texts.values(), *lines, "}", ""])


def head(name: str, arguments: Sequence[str], blocks: int = 1) -> str:
    """How a kernel of that name begins, with registers for so many blocks at a time on a multiprocessor."""
    return f'extern "C" __global__ __launch_bounds__({THREADS}, {blocks}) void {name}({", ".join(arguments)}) {{'


def at_a_time(what: LookUps) -> int:
    """Blocks on a multiprocessor: more hide more waiting, as long as what is alive or being counted has registers."""
    held = int(alive(what.graph).max())
    needed = held - 3 if what.weights is None else held * 5 // 4 + 4
    return next((blocks for blocks, registers in _REGISTERS.items() if registers >= needed), 2)


def unpacked(port: Port, source: str, call: str) -> str:
    """Planes to elements by a call; bits that the port lacks are 0."""
    fill = (
        f"for (int i = {port.width}; i < {element_bits(port)}; i++) plane[i] = 0;"
        if port.width < element_bits(port)
        else ""
    )
    return f"{{ u32 plane[{element_bits(port)}]; {copied('plane[i]', source, port)} {fill} {call}; }}"


def copied(into: str, source: str, port: Port) -> str:
    """Bits of a port copied from one array of planes to another, by a loop over i."""
    return f"for (int i = 0; i < {port.width}; i++) {into} = {source};"


def element_bits(port: Port | FloatFormat) -> int:
    """Bits of an element in memory."""
    return 8 * port.pattern_dtype.itemsize


def c_type(port: Port | FloatFormat) -> str:
    """The type of an element in memory."""
    return c_word(element_bits(port))


def c_word(bits: int) -> str:
    """The unsigned type of so many bits."""
    return {8: "unsigned char", 16: "unsigned short", 32: "unsigned int", 64: "unsigned long long"}[bits]


def c_kind(port: Port) -> str:
    """Arguments of templates: an element's type and its bits."""
    return f"{c_type(port)}, {element_bits(port)}"


def _bits(ports: Sequence[Port]) -> int:
    return max(sum(port.width for port in ports), 1)


def _starts(ports: Sequence[Port]) -> list[int]:
    """Where the bits of each port begin."""
    return [0, *accumulate(port.width for port in ports)][:-1]
