"""Kernels as CUDA C: operand sets packed into words, 32 to a word and a thread; circuits in line; results unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from lava_nexus.circuits import Circuit
from lava_nexus.execute.cuda.packing import PACKING
from lava_nexus.lowering.counting import TOTALS, Counts, Weights, fewer, idle, weights
from lava_nexus.lowering.ordered import Variant, ordered_graph
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
    """

    name: str
    text: str
    inputs: Sequence[Port]
    outputs: Sequence[Port]
    weights: Weights | None
    idle: Counts

    def call(self, given: str, into: str, totals: str) -> str:
        """The function on arrays of planes; totals, which may be negative, are taken over in 64 bits."""
        if self.weights is None:
            return f"{{ u32 total[3]; {self.name}({given}, {into}, total); }}"
        add = " ".join(f"{totals}[{i}] += (long long)(int)total[{i}];" for i in range(TOTALS))
        return f"{{ u32 total[3] = {{0, 0, 0}}; {self.name}({given}, {into}, total); {add} }}"


def lowered(circuit: Circuit, variant: Variant, name: str) -> Lowered:
    """The circuit's look-ups as a device function of that name."""
    network = circuit.network
    graph = ordered_graph(network, variant)
    given = None if variant == "outputs" else fewer(graph, weights(network, graph))
    text = cuda_function(graph, name, given)
    nothing = (0,) * TOTALS
    return Lowered(name, text, network.inputs, network.outputs, given, idle(graph, given) if given else nothing)


def elementwise(what: Lowered) -> str:
    """Kernel `run`: a circuit on n operand sets, 1,024 to a warp; an operand of step 0 is the same for all sets.

    run(const T *operand, long long step, ...; T *result, ...; long long n, u64 *totals)
    """
    arguments = [f"const {_type(p)} *p{i}, long long s{i}" for i, p in enumerate(what.inputs)]
    arguments += [f"{_type(port)} *q{i}" for i, port in enumerate(what.outputs)]
    body = [f"  u32 in[{_bits(what.inputs)}], out[{_bits(what.outputs)}];"]
    for i, (port, start) in enumerate(zip(what.inputs, _starts(what.inputs), strict=True)):
        packed = f"if (s{i}) pack<{_kind(port)}>(p{i}, base, 32, n, plane); else spread<{_kind(port)}>(*p{i}, plane);"
        body.append(f"  {{ u32 plane[{_element(port)}]; {packed} {_copied(f'in[{start} + i]', 'plane[i]', port)} }}")
    body.append("  " + what.call("in", "out", "mine"))
    for i, (port, start) in enumerate(zip(what.outputs, _starts(what.outputs), strict=True)):
        body.append(f"  {_unpacked(port, f'out[{start} + i]', f'q{i}, base, 32, n')}")
    head = [
        "  const long long warp = ((long long)blockIdx.x * blockDim.x + threadIdx.x) >> 5;",
        "  const long long base = warp * 1024 + (threadIdx.x & 31);",
        "  if (warp * 1024 >= n) return;",
        "  u64 mine[3] = {0, 0, 0};",
    ]
    tail = ["  gather(mine, totals);"] if what.weights else []
    return _kernel([what], [_head("run", [*arguments, "long long n", "u64 *totals"]), *head, *body, *tail])


def planes(port: Port) -> str:
    """Kernel `run`: patterns [batch, columns, terms] as bit planes [batch, terms, bits, words of 32 columns].

    run(const T *patterns, u32 *planes, long long columns, long long terms, long long words, long long n)
    with n = batch * terms * words; columns from the last on are zeros.
    """
    body = [
        "  const long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
        "  if (t >= n) return;",
        "  const long long k = t % terms, word = t / terms % words, one = t / terms / words;",
        f"  u32 plane[{_element(port)}];",
        f"  pack<{_kind(port)}>(p + one * columns * terms, word * 32 * terms + k, terms, columns * terms, plane);",
        "  #pragma unroll",
        f"  for (int i = 0; i < {port.width}; i++)",
        f"    q[((one * terms + k) * {port.width} + i) * words + word] = plane[i];",
    ]
    arguments = [f"const {_type(port)} *p", "u32 *q", *(f"long long {of}" for of in ("columns", "terms", "words", "n"))]
    return _kernel([], [_head("run", arguments), *body])


_SHAPE = ["long long terms", "long long pairs", "long long words", "long long rows_each", "long long columns"]
_PLACE = [
    "  long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
    "  const bool live = t < pairs;",
    "  if (!live) t = pairs - 1;",
    "  const long long row = t / words, word = t % words;",
]


def contraction(first: Lowered, then: Lowered, fused: bool) -> str:
    """Kernel `run`: sums of products in index order, 32 columns of a row to a thread, the terms in a loop.

    sum_0 = first(x_0, w_0), sum_k = then(sum_(k - 1), first(x_k, w_k)); fused: sum_k = then(x_k, w_k, sum_(k - 1)).

    run(const X *x, const u32 *w, Y *y, terms, pairs, words, rows_each, columns, u64 *totals): x is [rows, terms], w the
    planes of [batch, columns, terms], of which `rows_each` rows read one matrix, y [rows, columns], pairs = rows *
    words; totals are those of `first`, then those of `then`.
    """
    left, right = first.inputs
    target, width = first.outputs[0], first.outputs[0].width
    arguments = [f"const {_type(left)} *x", "const u32 *w", f"{_type(target)} *y", *_SHAPE, "u64 *totals"]
    bits = left.width + right.width
    body = [
        *_PLACE,
        f"  x += row * terms; w += row / rows_each * terms * {right.width} * words + word;",
        f"  u32 out[{width}]; u64 mine[3] = {{0, 0, 0}}, more[3] = {{0, 0, 0}};",
        "  #pragma unroll 1",
        "  for (long long k = 0; k < terms; k++) {",
        f"    u32 in[{bits + (width if fused else 0)}];",
        *_factors(left, right),
    ]
    if fused:
        body += [
            f"    if (k) {{ {_copied(f'in[{bits} + i]', 'out[i]', target)} {then.call('in', 'out', 'more')} }}",
            f"    else {{ u32 both[{bits}];",
            "      #pragma unroll",
            f"      for (int i = 0; i < {bits}; i++) both[i] = in[i];",
            f"      {first.call('both', 'out', 'mine')} }}",
            "  }",
        ]
    else:
        body += [f"    u32 product[{width}]; {first.call('in', 'product', 'mine')}", *_added(then, width), "  }"]
    body.append(f"  if (live) {_unpacked(target, 'out[i]', 'y + row * columns, word * 32, 1, columns')}")
    return _kernel([first, then], [_head("run", arguments), *body, *_counted(first, then)])


def tiled_products(first: Lowered) -> str:
    """Kernel `run`: the products of a tile of terms as planes [terms of the tile, bits, pairs], a product to a thread.

    run(const X *x, const u32 *w, u32 *p, terms, pairs, words, rows_each, begin, n, u64 *totals), n = pairs * terms of
    the tile, of which `begin` is the first; the other arguments as of `contraction`.
    """
    left, right = first.inputs
    arguments = [f"const {_type(left)} *x", "const u32 *w", "u32 *p", *_SHAPE[:4], "long long begin", "long long n"]
    body = [
        "  long long u = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
        "  const bool live = u < n;",
        "  if (!live) u = n - 1;",
        "  const long long t = u % pairs, row = t / words, word = t % words, k = begin + u / pairs;",
        f"  x += row * terms; w += row / rows_each * terms * {right.width} * words + word;",
        f"  u32 in[{left.width + right.width}], out[{first.outputs[0].width}]; u64 mine[3] = {{0, 0, 0}};",
        *_factors(left, right),
        "  " + first.call("in", "out", "mine"),
        "  #pragma unroll",
        f"  for (int i = 0; i < {first.outputs[0].width}; i++)",
        f"    if (live) p[(u / pairs * {first.outputs[0].width} + i) * pairs + t] = out[i];",
    ]
    return _kernel([first], [_head("run", [*arguments, "u64 *totals"]), *body, *_counted(first)])


def tiled_additions(then: Lowered) -> str:
    """Kernel `run`: products of a tile added to sums in index order.

    run(const u32 *p, u32 *sums, Y *y, terms, pairs, words, rows_each, columns, begin, u64 *totals): `terms` of the
    tile; sums are planes [bits, pairs], not read where `begin` is 0; y is written if it is not null.
    """
    target, width = then.outputs[0], then.outputs[0].width
    arguments = ["const u32 *p", "u32 *sums", f"{_type(target)} *y", *_SHAPE, "long long begin", "u64 *totals"]
    body = [
        *_PLACE,
        f"  u32 out[{width}]; u64 more[3] = {{0, 0, 0}};",
        "  #pragma unroll",
        f"  for (int i = 0; i < {width}; i++) out[i] = begin ? sums[i * pairs + t] : 0;",
        "  #pragma unroll 1",
        "  for (long long k = begin ? 0 : -1; k < terms; k++) {",
        f"    u32 product[{width}];",
        "    #pragma unroll",
        f"    for (int i = 0; i < {width}; i++) product[i] = p[((k < 0 ? 0 : k) * {width} + i) * pairs + t];",
        *_added(then, width),
        "    if (!begin && k < 0) k = 0;",
        "  }",
        "  #pragma unroll",
        f"  for (int i = 0; i < {width}; i++) if (live) sums[i * pairs + t] = out[i];",
        f"  if (live && y) {_unpacked(target, 'out[i]', 'y + row * columns, word * 32, 1, columns')}",
    ]
    body = [line.replace("if (k) {", "if (k >= 0) {") for line in body]
    return _kernel([then], [_head("run", arguments), *body, *_counted(then, name="more")])


def folding(then: Lowered) -> str:
    """Kernel `run`: rows of values folded in index order, 32 rows to a thread, the terms in a loop.

    run(const T *x, T *y, terms, rows, u64 *totals): x is [rows, terms], y [rows]; rows from the last on are zeros.
    """
    port, width = then.outputs[0], then.outputs[0].width
    arguments = [f"const {_type(port)} *x", f"{_type(port)} *y", "long long terms", "long long rows", "u64 *totals"]
    body = [
        "  long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
        "  const bool live = t * 32 < (rows ? rows : 32);",
        f"  u32 out[{width}]; u64 more[3] = {{0, 0, 0}};",
        "  #pragma unroll 1",
        "  for (long long k = 0; live && k < terms; k++) {",
        f"    u32 product[{width}], plane[{_element(port)}];",
        f"    pack<{_kind(port)}>(x, t * 32 * terms + k, terms, rows * terms, plane);",
        f"    {_copied('product[i]', 'plane[i]', port)}",
        *_added(then, width),
        "  }",
        f"  if (live) {_unpacked(port, 'out[i]', 'y, t * 32, 1, rows')}",
    ]
    return _kernel([then], [_head("run", arguments), *body, *_counted(then, name="more")])


def _factors(left: Port, right: Port) -> list[str]:
    """The bits of x_k to all lanes, the planes of w_k."""
    return [
        "    #pragma unroll",
        f"    for (int i = 0; i < {left.width}; i++) in[i] = 0u - (u32)(x[k] >> i & 1);",
        "    #pragma unroll",
        f"    for (int i = 0; i < {right.width}; i++) in[{left.width} + i] = w[(k * {right.width} + i) * words];",
    ]


def _added(then: Lowered, width: int) -> list[str]:
    return [
        f"    if (k) {{ u32 both[{2 * width}];",
        "      #pragma unroll",
        f"      for (int i = 0; i < {width}; i++) {{ both[i] = out[i]; both[{width} + i] = product[i]; }}",
        f"      {then.call('both', 'out', 'more')}",
        "    } else {",
        "      #pragma unroll",
        f"      for (int i = 0; i < {width}; i++) out[i] = product[i];",
        "    }",
    ]


def _counted(*functions: Lowered, name: str = "mine") -> list[str]:
    """What the threads counted, added up: of the first function, then of the second."""
    if functions[0].weights is None:
        return []
    names = [name, "more"][: len(functions)]
    lines = [f"  if (!live) for (int i = 0; i < 3; i++) {one}[i] = 0;" for one in names]
    return [*lines, *(f"  gather({one}, totals + {TOTALS * i});" for i, one in enumerate(names))]


def _kernel(functions: Sequence[Lowered], lines: Sequence[str]) -> str:
    texts = {function.name: function.text for function in functions}
    return "\n".join([PREAMBLE, PACKING, *texts.values(), *lines, "}", ""])


def _head(name: str, arguments: Sequence[str]) -> str:
    return f'extern "C" __global__ __launch_bounds__({THREADS}, {BLOCKS}) void {name}({", ".join(arguments)}) {{'


def _unpacked(port: Port, source: str, where: str) -> str:
    """Planes to elements; bits that the port lacks are 0."""
    fill = f"for (int i = {port.width}; i < {_element(port)}; i++) plane[i] = 0;" if port.width < _element(port) else ""
    return (
        f"{{ u32 plane[{_element(port)}]; {_copied('plane[i]', source, port)} {fill} "
        f"unpack<{_kind(port)}>({where}, plane); }}"
    )


def _copied(into: str, source: str, port: Port) -> str:
    return f"for (int i = 0; i < {port.width}; i++) {into} = {source};"


def _element(port: Port) -> int:
    """Bits of an element in memory."""
    return 8 * port.pattern_dtype.itemsize


def _type(port: Port) -> str:
    return {8: "unsigned char", 16: "unsigned short", 32: "u32", 64: "u64"}[_element(port)]


def _kind(port: Port) -> str:
    return f"{_type(port)}, {_element(port)}"


def _bits(ports: Sequence[Port]) -> int:
    return max(sum(port.width for port in ports), 1)


def _starts(ports: Sequence[Port]) -> list[int]:
    """Where the bits of each port begin."""
    return [0, *accumulate(port.width for port in ports)][:-1]
