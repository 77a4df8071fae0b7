"""Kernels as CUDA C: operand sets packed into words, 32 to a word and a thread; circuits in line; results unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from lava_nexus.circuits import Circuit
from lava_nexus.execute.cuda.packing import PACKING
from lava_nexus.execute.sampled import GROUPS
from lava_nexus.formats import FloatFormat
from lava_nexus.lowering.counting import TOTALS, Counts, Weights, fewer, idle, weights
from lava_nexus.lowering.ordered import Variant, ordered_graph, restricted
from lava_nexus.lowering.render import PREAMBLE, cuda_function
from lava_nexus.neurons import Port

THREADS = 128
"""Threads of a block: two blocks to a multiprocessor leave a thread 255 registers."""
BLOCKS = 1
"""Blocks that a multiprocessor must have registers for."""


@dataclass(frozen=True)
class Lowered:
    """A circuit as a device function.

    Attributes:
        name: of the function.
        text: its source.
        inputs: ports.
        outputs: ports.
        weights: of what is counted; None where nothing is.
        idle: what an operand set of zeros adds.
        zeros: lowest bits of the second operand that are always 0.
    """

    name: str
    text: str
    inputs: Sequence[Port]
    outputs: Sequence[Port]
    weights: Weights | None
    idle: Counts
    zeros: int = 0

    def call(self, given: str, into: str, totals: str) -> str:
        """The function on arrays of planes; totals, which may be negative, are taken over in 64 bits."""
        if self.weights is None:
            return f"{{ u32 total[3]; {self.name}({given}, {into}, total); }}"
        add = " ".join(f"{totals}[{i}] += (long long)(int)total[{i}];" for i in range(TOTALS))
        return f"{{ u32 total[3] = {{0, 0, 0}}; {self.name}({given}, {into}, total); {add} }}"


def lowered(circuit: Circuit, variant: Variant, name: str, zeros: int = 0) -> Lowered:
    """The circuit's look-ups as a device function of that name, for second operands whose lowest `zeros` bits are 0."""
    network = circuit.network
    graph = ordered_graph(network, variant)
    if zeros:
        first = network.inputs[0].width
        graph = restricted(graph, range(first, first + zeros))
    given = None if variant == "outputs" else fewer(graph, weights(network, graph))
    text = cuda_function(graph, name, given)
    nothing = (0,) * TOTALS
    return Lowered(name, text, network.inputs, network.outputs, given, idle(graph, given) if given else nothing, zeros)


def elementwise(what: Lowered) -> str:
    """Kernel `run`: a circuit on n operand sets, 1,024 to a warp; an operand of step 0 is the same for all sets.

    run(const T *operand, long long step, ...; T *result, ...; long long n, u64 *totals), totals [groups, 3] by warp
    """
    arguments = [f"const {c_type(p)} *p{i}, long long s{i}" for i, p in enumerate(what.inputs)]
    arguments += [f"{c_type(port)} *q{i}" for i, port in enumerate(what.outputs)]
    body = [f"  u32 in[{_bits(what.inputs)}], out[{_bits(what.outputs)}];"]
    for i, (port, start) in enumerate(zip(what.inputs, _starts(what.inputs), strict=True)):
        packed = f"if (s{i}) pack<{c_kind(port)}>(p{i}, base, 32, n, plane); else spread<{c_kind(port)}>(*p{i}, plane);"
        body.append(f"  {{ u32 plane[{element_bits(port)}]; {packed} {copied(f'in[{start} + i]', 'plane[i]', port)} }}")
    body.append("  " + what.call("in", "out", "mine"))
    for i, (port, start) in enumerate(zip(what.outputs, _starts(what.outputs), strict=True)):
        body.append(f"  {unpacked(port, f'out[{start} + i]', f'q{i}, base, 32, n')}")
    begin = [
        "  const long long warp = ((long long)blockIdx.x * blockDim.x + threadIdx.x) >> 5;",
        "  const long long base = warp * 1024 + (threadIdx.x & 31);",
        "  if (warp * 1024 >= n) return;",
        "  u64 mine[3] = {0, 0, 0};",
    ]
    tail = [f"  gather(mine, totals + {TOTALS} * (warp % {GROUPS}));"] if what.weights else []
    return whole([what], [head("run", [*arguments, "long long n", "u64 *totals"]), *begin, *body, *tail])


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


def head(name: str, arguments: Sequence[str]) -> str:
    """How a kernel of that name begins."""
    return f'extern "C" __global__ __launch_bounds__({THREADS}, {BLOCKS}) void {name}({", ".join(arguments)}) {{'


def unpacked(port: Port, source: str, where: str) -> str:
    """Planes to elements; bits that the port lacks are 0."""
    fill = (
        f"for (int i = {port.width}; i < {element_bits(port)}; i++) plane[i] = 0;"
        if port.width < element_bits(port)
        else ""
    )
    return (
        f"{{ u32 plane[{element_bits(port)}]; {copied('plane[i]', source, port)} {fill} "
        f"unpack<{c_kind(port)}>({where}, plane); }}"
    )


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
