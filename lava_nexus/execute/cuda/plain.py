"""Circuits as plain float arithmetic in CUDA C: what neurons must answer, by IEEE units or by integer programs.

FP32 and FP64 are the GPU's, an operation rounded to nearest even at a time, subnormals kept. A narrower format's are
those of FP64, rounded once more, which is exact for +, -, *, / and square root because 53 >= 2p + 2 (S. Figueroa, "When
is double rounding innocuous?", SIGNUM Newsletter 30(3), 1995). Functions are their integer programs. No look-up of a
lowered network takes part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.functions.function import ProgramGolden
from lava_nexus.execute.cuda.device import digest_of
from lava_nexus.execute.cuda.golden import evaluated
from lava_nexus.execute.cuda.source import c_type, head
from lava_nexus.execute.cuda.tables import Kept
from lava_nexus.formats import FLOAT32, FLOAT64, FORMATS, FloatFormat
from lava_nexus.neurons import Port

PRELUDE = """\
typedef unsigned long long u64;
typedef unsigned int u32;
// The number of a pattern of a format whose numbers FP64 holds.
template <int E, int F, bool inf> __device__ double number(u64 p) {
  const u64 fraction = (1ull << F) - 1, exponent = ((1ull << E) - 1) << F, size = p & (exponent | fraction);
  const u64 nan = inf ? exponent + 1 : exponent | fraction;
  const long long bias = (1 << (E - 1)) - 1;
  double v;
  if (size >= nan) v = __longlong_as_double(0x7ff8000000000000ll);
  else if (inf && size == exponent) v = __longlong_as_double(0x7ff0000000000000ll);
  else if (size <= fraction) v = (double)size * __longlong_as_double((1 - bias - F + 1023) << 52);
  else v = __longlong_as_double((long long)(((size >> F) + 1023 - bias) << 52 | (size & fraction) << (52 - F)));
  return p >> (E + F) & 1 ? -v : v;
}
// The nearest pattern of such a format, ties to even; NaN is the canonical one.
template <int E, int F, bool inf> __device__ u64 rounded(double v) {
  const u64 fraction = (1ull << F) - 1, exponent = ((1ull << E) - 1) << F;
  const u64 nan = inf ? exponent | 1ull << (F - 1) : exponent | fraction;
  const u64 most = inf ? exponent - 1 : nan - 1, over = inf ? exponent : nan;
  const u64 bits = (u64)__double_as_longlong(v), size = bits & ~(1ull << 63), sign = bits >> 63 << (E + F);
  if (v != v) return nan;
  const long long place = (long long)(size >> 52) - 1023 + (1 << (E - 1)) - 1;
  const u64 s = size >> 52 ? (size & ((1ull << 52) - 1)) | 1ull << 52 : 0;
  const long long wanted = 52 - F + (place < 1 ? 1 - place : 0), shift = wanted < 62 ? wanted : 62;
  const u64 rest = s & ((1ull << shift) - 1), half = 1ull << (shift - 1);
  u64 q = s >> shift;
  q += rest > half || (rest == half && (q & 1));
  q += place < 1 ? 0 : (u64)(place - 1) << F;
  if (q <= most) return q | sign;
  return inf ? over | sign : nan;
}
__device__ u32 single(float v) { return v != v ? 0x7fc00000u : __float_as_uint(v); }
__device__ u64 twice(double v) { return v != v ? 0x7ff8000000000000ull : (u64)__double_as_longlong(v); }
// x + y where an inexact sum gets a last bit of 1; Knuth's error-free sum says which way it was rounded.
__device__ double odd(double x, double y) {
  const double s = __dadd_rn(x, y), part = __dsub_rn(s, x);
  const double error = __dadd_rn(__dsub_rn(x, __dsub_rn(s, part)), __dsub_rn(y, part));
  const u64 bits = (u64)__double_as_longlong(s);
  const bool finite = (bits >> 52 & 2047) != 2047;
  if (!finite || error == 0 || (bits & 1)) return s;
  return __longlong_as_double((long long)((error > 0) == (s > 0) ? bits + 1 : bits - 1));
}
template <typename T> __device__ T flushed(T p, T exponent, T sign) { return p & exponent ? p : p & sign; }
"""


@dataclass(frozen=True, eq=False)
class Plain:
    """A circuit as a device function of patterns.

    Attributes:
        circuit: what it must equal.
        text: source, to stand behind `PRELUDE`.
        name: of the function, which takes a pattern an operand, and `tables` where it has any.
        tables: that it looks into; none of most.
    """

    circuit: Circuit
    text: str
    name: str
    tables: Kept | None = None

    def call(self, *operands: str) -> str:
        """The function on operands."""
        return f"{self.name}({', '.join([*operands, *([] if self.tables is None else ['tables'])])})"


_COMPARED = {"compare_lt": "<", "compare_le": "<=", "compare_eq": "=="}


@lru_cache(maxsize=256)
def plain(circuit: Circuit) -> Plain | None:
    """The circuit as plain arithmetic; None where only the host has its golden function."""
    arguments = ", ".join(f"{c_type(port)} p{i}" for i, port in enumerate(circuit.inputs))
    name, result = f"op_{circuit.name}_{circuit.digest[:16]}", c_type(circuit.output)
    if isinstance(circuit.golden, ProgramGolden):
        recording = circuit.golden._recorded()  # what the host compiles too
        tables = np.concatenate([np.zeros(1, np.uint64), *recording.tables])
        head_of = f"__device__ {result} {name}({arguments}, const u64 *tables) {{"
        lines = [head_of, *evaluated(recording, "p0"), f"  return ({result})v{recording.result};", "}", ""]
        return Plain(circuit, "\n".join(lines), name, Kept(tables))
    body = _body(circuit)
    if body is None:
        return None
    return Plain(circuit, f"__device__ {result} {name}({arguments}) {{\n{body}\n}}\n", name)


def _body(circuit: Circuit) -> str | None:
    """What the function of a basic operation does; None for other circuits."""
    formats = [port.format for port in circuit.inputs]
    to = circuit.output.format or formats[0]
    options = dict(circuit.options)
    flush = not options.pop("subnormals", True)
    if options or any(fmt not in FORMATS.values() for fmt in (*formats, to)):
        return None
    fmt = formats[0]
    assert isinstance(fmt, FloatFormat) and isinstance(to, FloatFormat)
    found = _expression(circuit.name, fmt, to)
    if found is None:
        return None
    lines = []
    if flush:
        for i, port in enumerate(circuit.inputs):
            assert isinstance(port.format, FloatFormat)
            lines.append(f"  p{i} = {_flushed(f'p{i}', port, port.format)};")
        return "\n".join([*lines, f"  return {_flushed(f'({c_type(circuit.output)})({found})', circuit.output, to)};"])
    return f"  return {found};"


def _flushed(what: str, port: Port, fmt: FloatFormat) -> str:
    kind = c_type(port)
    return f"flushed<{kind}>({what}, ({kind}){fmt.exponent_mask:#x}ull, ({kind}){fmt.sign_mask:#x}ull)"


def _expression(name: str, fmt: FloatFormat, to: FloatFormat) -> str | None:
    """A basic operation on patterns p0, p1, p2."""
    if name in ("neg", "abs"):
        keep, flip = (2 * fmt.sign_mask - 1, fmt.sign_mask) if name == "neg" else (fmt.sign_mask - 1, 0)
        return f"{_number(fmt, 'p0')} != {_number(fmt, 'p0')} ? {_nan(fmt)} : (p0 & {keep:#x}ull) ^ {flip:#x}ull"
    if name in _COMPARED:
        return f"{_number(fmt, 'p0')} {_COMPARED[name]} {_number(fmt, 'p1')}"
    if name in ("min", "max"):
        return _extremum(fmt, "<" if name == "min" else ">")
    if name == "convert":
        return _rounded(to, f"(double){_number(fmt, 'p0')}")
    if name == "fma":
        return _fused(fmt, to)
    if fmt != to and (name != "mul" or fmt == FLOAT64):
        return None
    native = fmt == to and fmt in (FLOAT32, FLOAT64)
    kind, letter = ("float", "f") if native and fmt == FLOAT32 else ("double", "d")
    x, y = (f"({kind}){_number(fmt, p)}" for p in ("p0", "p1"))
    given = {"sqrt": [x], "reciprocal": [f"({kind})1", x]}.get(name, [x, y])
    unit = "div" if name == "reciprocal" else name
    known = unit in ("add", "sub", "mul", "div", "sqrt")
    return _rounded(to, f"__{letter}{unit}_rn({', '.join(given)})") if known else None


def _fused(fmt: FloatFormat, to: FloatFormat) -> str | None:
    x, y, z = _number(fmt, "p0"), _number(fmt, "p1"), _number(to, "p2")
    if fmt == to == FLOAT32:
        return _rounded(to, f"__fmaf_rn({x}, {y}, {z})")
    if fmt == to == FLOAT64:
        return _rounded(to, f"__fma_rn({x}, {y}, {z})")
    product = f"__dmul_rn((double){x}, (double){y})"
    total = f"__dadd_rn({product}, {z})" if to == FLOAT64 else f"odd({product}, (double){z})"
    return None if fmt == FLOAT64 else _rounded(to, total)


def _extremum(fmt: FloatFormat, wins: str) -> str:
    """IEEE 754-2019 minimum or maximum: NaN wins, -0 is below +0."""
    x, y = _number(fmt, "p0"), _number(fmt, "p1")
    minus = f"(p0 & {fmt.sign_mask:#x}ull) {'!=' if wins == '<' else '=='} 0"
    chosen = f"{x} {wins} {y} || ({x} == {y} && {minus}) ? p0 : p1"
    return f"{x} != {x} || {y} != {y} ? {_nan(fmt)} : ({chosen})"


def _nan(fmt: FloatFormat) -> str:
    return f"{fmt.canonical_nan:#x}ull"


def _number(fmt: FloatFormat, pattern: str) -> str:
    if fmt == FLOAT32:
        return f"__uint_as_float({pattern})"
    if fmt == FLOAT64:
        return f"__longlong_as_double((long long){pattern})"
    return f"number<{_of(fmt)}>({pattern})"


def _rounded(fmt: FloatFormat, number: str) -> str:
    if fmt == FLOAT32:
        return f"single((float)({number}))"
    return f"twice({number})" if fmt == FLOAT64 else f"rounded<{_of(fmt)}>({number})"


def _of(fmt: FloatFormat) -> str:
    return f"{fmt.exponent_bits}, {fmt.fraction_bits}, {str(fmt.inf).lower()}"


@dataclass(frozen=True)
class Text:
    """The text of a kernel.

    Attributes:
        whole: CUDA C.
        key: digest.
    """

    whole: str
    key: str


_THREAD = "  const long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x;"


@lru_cache(maxsize=256)
def elementwise(what: Plain) -> Text:
    """Kernel `run`: a function on n operand sets, one a thread; an operand of step 0 is the same for all sets.

    run(const T *operand, long long step, ...; T *result; long long n, const u64 *tables)
    """
    ports = what.circuit.inputs
    arguments = [f"const {c_type(port)} *p{i}, long long s{i}" for i, port in enumerate(ports)]
    arguments += [f"{c_type(what.circuit.output)} *q", "long long n", "const u64 *tables"]
    call = what.call(*(f"p{i}[t * s{i}]" for i in range(len(ports))))
    return _text([what], [head("run", arguments), _THREAD, "  if (t >= n) return;", f"  q[t] = {call};"])


PLACES = ("left", "first", "column", "term", "length", "lanes", "into")
"""What stands of every word of sums in a table [7, words]: first element of its row of the left factor, and of the
right one's first column; distances of columns and of terms; terms; sums, at most 32; where the first of them goes."""
_PLACED = [
    _THREAD,
    "  const long long w = t >> 5, lane = t & 31;",
    "  if (w >= words) return;",
    *(f"  const long long {name} = table[{i} * words + w];" for i, name in enumerate(PLACES)),
    "  if (lane >= lanes) return;",
]


@lru_cache(maxsize=64)
def products(first: Plain, then: Plain, fused: bool, half: bool) -> Text:
    """Kernel `run`: sums of products in index order, one a thread.

    run(const T *x, const T *w, T *y, const long long *table, long long words)

    Args:
        first: rounds a product, or the one that a sum starts from.
        then: adds a product, or is the fused multiply-add.
        fused: which of them.
        half: whether of the right factor's patterns the upper halves are there alone; the lower ones are 0.
    """
    left, right = first.circuit.inputs
    stored = {32: "unsigned short", 64: "u32"}[right.width] if half else c_type(right)
    shift = f" << {right.width // 2}" if half else ""
    given = ["x[left + k]", f"({c_type(right)})c[k * term]{shift}"]
    start = first.call(*(one.replace("k * term", "0").replace(" + k", "") for one in given))
    add = then.call(*given, "sum") if fused else then.call("sum", first.call(*given))
    result = c_type(then.circuit.output)
    arguments = [f"const {c_type(left)} *x", f"const {stored} *w0", f"{result} *y", "const long long *table"]
    body = [
        *_PLACED,
        f"  const {stored} *c = w0 + first + lane * column;",
        f"  {result} sum = {start};",
        f"  for (long long k = 1; k < length; k++) sum = {add};",
        "  y[into + lane] = sum;",
    ]
    return _text([first, then], [head("run", [*arguments, "long long words"]), *body])


@lru_cache(maxsize=64)
def rows(what: Plain) -> Text:
    """Kernel `run`: rows folded in index order, one a thread, each `length` elements behind the one before.

    run(const T *x, T *y, const long long *table, long long words)
    """
    kind = c_type(what.circuit.output)
    body = [
        *_PLACED,
        f"  const {kind} *c = x + left + lane * length;",
        f"  {kind} sum = c[0];",
        f"  for (long long k = 1; k < length; k++) sum = {what.call('sum', 'c[k]')};",
        "  y[into + lane] = sum;",
    ]
    arguments = [f"const {kind} *x", f"{kind} *y", "const long long *table", "long long words"]
    return _text([what], [head("run", arguments), *body])


def _text(functions: list[Plain], lines: list[str]) -> Text:
    texts = {function.name: function.text for function in functions}
    whole = "\n".join([PRELUDE, *texts.values(), *lines, "}", ""])
    return Text(whole, digest_of("plain", whole))
