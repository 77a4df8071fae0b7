"""Kernels of sums as CUDA C: matrices as bit planes, products, additions in index order."""

from __future__ import annotations

from lava_nexus.execute.cuda.source import (
    Lowered,
    c_kind,
    c_type,
    copied,
    element_bits,
    head,
    totalled,
    unpacked,
    whole,
)
from lava_nexus.neurons import Port


def planes(port: Port, zeros: int = 0) -> str:
    """Kernel `run`: matrices of patterns as bit planes [terms, bits, words of 32 columns] each.

    run(const T *x, u32 *planes, const long long *table, long long matrices, long long n)

    The table is [7, matrices]: first element, distance of columns, of terms, columns, terms, first thread, first plane.
    A thread is a term of 32 columns, n are all; columns from the last on are zeros. The lowest `zeros` bits of every
    pattern are 0 and have no planes.
    """
    bits = port.width - zeros
    body = [
        "  const long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
        "  if (t >= n) return;",
        "  long long m = 0;",
        "  for (long long step = 1ll << 40; step; step >>= 1)",
        "    if (m + step < matrices && table[5 * matrices + m + step] <= t) m += step;",
        "  const long long first = table[m], column = table[matrices + m], term = table[2 * matrices + m];",
        "  const long long columns = table[3 * matrices + m], terms = table[4 * matrices + m];",
        "  const long long u = t - table[5 * matrices + m], k = u % terms, word = u / terms;",
        "  const long long base = first + k * term + word * 32 * column, words = (columns + 31) / 32;",
        f"  u32 plane[{element_bits(port)}];",
        f"  pack<{c_kind(port)}>(x, base, column, base + (columns - word * 32) * column, plane);",
        f"  q += table[6 * matrices + m] + k * {bits} * words + word;",
        "  #pragma unroll",
        f"  for (int i = 0; i < {bits}; i++) q[i * words] = plane[{zeros} + i];",
    ]
    arguments = [f"const {c_type(port)} *x", "u32 *q", "const long long *table", "long long matrices", "long long n"]
    return whole([], [head("run", arguments), *body])


TABLE = ("left", "right", "step", "length", "lanes", "into")
"""What stands of every word of sums in a table [6, words]: first element of its row of the left factor, first plane of
its columns of the right one, distance of planes; terms; sums of the word, at most 32; where the first of them goes."""
_ENTRIES = [f"  const long long {name} = table[{i} * words + t];" for i, name in enumerate(TABLE)]
_PLACE = [
    "  long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
    "  const bool live = t < words;",
    "  if (!live) t = words - 1;",
    *_ENTRIES,
]
_SPREAD = ["const long long *table", "long long words"]


def contraction(first: Lowered, then: Lowered, fused: bool) -> str:
    """Kernel `run`: sums of products in index order, a word of 32 columns of a row to a thread, the terms in a loop.

    sum_0 = first(x_0, w_0), sum_k = then(sum_(k - 1), first(x_k, w_k)); fused: sum_k = then(x_k, w_k, sum_(k - 1)).

    run(const X *x, const u32 *w, Y *y, const long long *table, long long words, u64 *totals): rows of x have their
    terms side by side, w is planes, the table `TABLE`; totals are those of `first`, then those of `then`. Lanes
    without a sum run on zeros.
    """
    left, right = first.inputs
    target, width = first.outputs[0], first.outputs[0].width
    bits = left.width + right.width
    body = [
        *_PLACE,
        "  x += left; w += right;",
        f"  u32 out[{width}]; u64 mine[3] = {{0, 0, 0}}, more[3] = {{0, 0, 0}};",
        "  #pragma unroll 1",
        "  for (long long k = 0; k < length; k++) {",
        f"    u32 in[{bits + (width if fused else 0)}];",
        *_factors(first),
    ]
    if fused:
        body += [
            f"    if (k) {{ {copied(f'in[{bits} + i]', 'out[i]', target)} {then.call('in', 'out', 'more')} }}",
            f"    else {{ u32 both[{bits}];",
            "      #pragma unroll",
            f"      for (int i = 0; i < {bits}; i++) both[i] = in[i];",
            f"      {first.call('both', 'out', 'mine')} }}",
            "  }",
        ]
    else:
        body += [f"    u32 product[{width}]; {first.call('in', 'product', 'mine')}", "    if (k) {"]
        body += [
            *_added(then, width),
            "    } else {",
            f"      {copied('out[i]', 'product[i]', target)}",
            "    }",
            "  }",
        ]
    body.append(f"  if (live) {_written(target)}")
    arguments = [f"const {c_type(left)} *x", "const u32 *w", f"{c_type(target)} *y", *_SPREAD, "u64 *totals"]
    return whole([first, then], [head("run", arguments), *body, *totalled(first, then)])


_TILE = [
    "  long long u = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
    "  if (u >= n) return;",
    "  const long long t = u % words, k = begin + u / words;",
    *_ENTRIES,
    "  if (k >= length) return;",
]


def products(first: Lowered) -> str:
    """Kernel `run`: the products of a tile of terms as planes [terms of the tile, bits, words], a product to a thread.

    run(const X *x, const u32 *w, u32 *p, table, words, long long begin, long long n, u64 *totals), n = words * terms of
    the tile, of which `begin` is the first; the other arguments as of `contraction`.
    """
    left, right = first.inputs
    width = first.outputs[0].width
    body = [
        *[line.replace("return;", "live = false;") for line in ["  bool live = true;", *_TILE]],
        "  x += left; w += right;",
        f"  u32 in[{left.width + right.width}], out[{width}]; u64 mine[3] = {{0, 0, 0}};",
        *_factors(first, " && live"),
        "  " + first.call("in", "out", "mine"),
        "  #pragma unroll",
        f"  for (int i = 0; i < {width}; i++) if (live) p[(u / words * {width} + i) * words + t] = out[i];",
    ]
    arguments = [f"const {c_type(left)} *x", "const u32 *w", "u32 *p", *_SPREAD, "long long begin", "long long n"]
    return whole([first], [head("run", [*arguments, "u64 *totals"]), *body, *totalled(first)])


def rows(port: Port) -> str:
    """Kernel `run`: the terms of a tile of rows as planes [terms of the tile, bits, words], as `products` leaves them.

    run(const T *x, u32 *p, table, words, long long begin, long long n): lane l of a word reads x[left + l step + k].
    """
    width = port.width
    body = [
        *_TILE,
        f"  u32 plane[{element_bits(port)}];",
        f"  pack<{c_kind(port)}>(x, left + k, step, left + k + lanes * step, plane);",
        "  #pragma unroll",
        f"  for (int i = 0; i < {width}; i++) p[(u / words * {width} + i) * words + t] = plane[i];",
    ]
    arguments = [f"const {c_type(port)} *x", "u32 *p", *_SPREAD, "long long begin", "long long n"]
    return whole([], [head("run", arguments), *body])


def additions(then: Lowered) -> str:
    """Kernel `run`: terms of a tile added to sums in index order, the next ones read while these are added.

    run(const u32 *p, u32 *sums, Y *y, table, words, long long begin, long long count, u64 *totals): planes of `count`
    terms from `begin` on; sums are planes [bits, words], read where `begin` is not 0, written where terms are left;
    a word that has no more goes to y.
    """
    target, width = then.outputs[0], then.outputs[0].width
    arguments = ["const u32 *p", "u32 *sums", f"{c_type(target)} *y", *_SPREAD, "long long begin", "long long count"]
    body = [
        *_PLACE,
        "  const long long end = begin + count < length ? begin + count : length;",
        f"  u32 out[{width}], next[{width}]; u64 more[3] = {{0, 0, 0}};",
        "  if (begin < end) {",
        "    #pragma unroll",
        f"    for (int i = 0; i < {width}; i++) {{",
        "      out[i] = begin ? sums[i * words + t] : p[i * words + t];",
        f"      next[i] = p[((begin || end == 1 ? 0 : 1) * {width} + i) * words + t];",
        "    }",
        "    #pragma unroll 1",
        "    for (long long k = begin ? 0 : 1; k < end - begin; k++) {",
        f"      u32 product[{width}];",
        "      const long long ahead = k + 1 < end - begin ? k + 1 : k;",
        "      #pragma unroll",
        f"      for (int i = 0; i < {width}; i++) {{",
        "        product[i] = next[i];",
        f"        next[i] = p[(ahead * {width} + i) * words + t];",
        "      }",
        *_added(then, width),
        "    }",
        "    if (live && end < length) {",
        "      #pragma unroll",
        f"      for (int i = 0; i < {width}; i++) sums[i * words + t] = out[i];",
        "    }",
        f"    if (live && end == length) {_written(target)}",
        "  }",
    ]
    return whole([then], [head("run", [*arguments, "u64 *totals"]), *body, *totalled(then, name="more")])


def _factors(first: Lowered, where: str = "") -> list[str]:
    """The bits of x_k to all lanes that have a sum, the planes of w_k; where nothing is counted to all lanes."""
    left, right = first.inputs
    bits = right.width - first.zeros
    lines = [f"    const bool there = k < length{where};"] if where else []
    mask = "0u" if first.weights is None else "lane"
    if first.weights is not None:
        lines.append("    const u32 lane = lanes < 32 ? (1u << lanes) - 1 : ~0u;")
    spread = "0u - (u32)(given >> i & 1)" if mask == "0u" else "given >> i & 1 ? lane : 0u"
    read = "there ? x[k] : 0" if where else "x[k]"
    plane = f"w[(k * {bits} + i) * step]"
    return [
        *lines,
        f"    const {c_type(left)} given = {read};",
        "    #pragma unroll",
        f"    for (int i = 0; i < {left.width}; i++) in[i] = {spread};",
        "    #pragma unroll",
        f"    for (int i = 0; i < {right.width}; i++) in[{left.width} + i] = 0;",
        "    #pragma unroll",
        f"    for (int i = 0; i < {bits}; i++)",
        f"      in[{left.width + first.zeros} + i] = {f'there ? {plane} : 0' if where else plane};",
    ]


def _written(target: Port) -> str:
    """The sums of a word to y."""
    return unpacked(target, "out[i]", f"unpack<{c_kind(target)}>(y, into, 1, into + lanes, plane)")


def _added(then: Lowered, width: int) -> list[str]:
    return [
        f"      u32 both[{2 * width}];",
        "      #pragma unroll",
        f"      for (int i = 0; i < {width}; i++) {{ both[i] = out[i]; both[{width} + i] = product[i]; }}",
        f"      {then.call('both', 'out', 'more')}",
    ]
