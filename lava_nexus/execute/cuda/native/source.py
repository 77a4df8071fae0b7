"""Kernels of native sums, an element a thread: patterns taken apart, matrices of their parts, parts that are not 0.

And what all kernels of native sums share.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lava_nexus.execute.cuda.source import c_type, head
from lava_nexus.formats import FloatFormat
from lava_nexus.lowering.render import PREAMBLE
from lava_nexus.populations.native.limbs import digits_of, significand_bytes
from lava_nexus.populations.native.pairs import INFINITE, NAN, ORDINARY, ZERO

TAKEN = ("reached", "fired", "active", "zeros", "infinities", "nans", "sent", "first", "behind")
"""What `take` adds up; the last two are least: of the first bytes' positions, and of all ones less these."""

_SHARED = """\
typedef long long i64;
#define SUMMED(v) for (int step = 16; step; step /= 2) v += __shfl_down_sync(~0u, v, step)
#define LEAST(v) for (int step = 16; step; step /= 2) v = smaller(v, __shfl_down_sync(~0u, v, step))
#define LEADS (!(threadIdx.x & 31))
#if __CUDA_ARCH__ >= 800
#define FEW(v) v = __reduce_add_sync(~0u, v)
#else
#define FEW(v) SUMMED(v)
#endif
__device__ __forceinline__ u64 smaller(u64 v, u64 w) { return w < v ? w : v; }
__device__ __forceinline__ int ones(u64 v) { u32 a, b; POPC(a, (u32)v); POPC(b, (u32)(v >> 32)); return (int)(a + b); }
__device__ __forceinline__ int digit_of(i64 v) { return (int)((v + 127) & 255) - 127; }
"""

_TAKE = """\
  u64 mine[7] = {0, 0, 0, 0, 0, 0, 0}, least[2] = {~0ull, ~0ull};
  for (i64 e = (i64)blockIdx.x * blockDim.x + threadIdx.x; e < n; e += stride) {
    const u64 p = x[e], magnitude = p & (SIGN - 1), exponent = magnitude >> FRACTION;
    const bool negative = (p & SIGN) != 0, infinite = INF && magnitude == EXPONENTS, nan = magnitude > LARGEST;
    const u64 place = exponent ? exponent : 1;
    const u64 significand = (magnitude & ((1ull << FRACTION) - 1)) | (exponent ? 1ull << FRACTION : 0);
    const bool ordinary = !(infinite || nan), zero = !significand && !infinite;
    const u64 word = ordinary ? significand << ((place + shift) & 7) : 0;
    const int position = (int)((place + shift) >> 3);
    const int kind = nan ? NO_NUMBER : infinite ? ENDLESS : zero ? ZERO : ORDINARY;
    words[e] = word; places[e] = position; kinds[e] = negative ? -kind : kind;
    mine[3] += zero; mine[4] += infinite; mine[5] += nan; mine[6] += word != 0;
    if (word) { least[0] = smaller(least[0], position); least[1] = smaller(least[1], ~(u64)position); }
    if (ROLE) {
      const int i = (int)(e % inputs);
      u64 bytes = 0, digits = 0;
      for (int k = 0; k < BYTES; k++) bytes |= (u64)((significand >> 8 * k & 255) != 0) << k;
      mine[0] += ones(p & once) + 2 * ones(p & twice) + (ordinary ? gains >> 8 * (place & LOW) & 255 : 0);
      mine[0] += exponent ? of >> 40 & 255 : 0;
      if (!ordinary || zero) mine[0] += of >> (nan ? 32 : (infinite ? 16 : 0) + (negative ? 8 : 0)) & 255;
      if (ROLE < 3) {
        i64 v = (i64)word;
        for (int k = 0; k < DIGITS; k++) { digits += digit_of(v) != 0; v = (v + 127) >> 8; }
        const bool told = ROLE == 1 && (zero || infinite);
        mine[0] += digits * sends[i] + (told ? tells[i] : 0);
        mine[1] += digits + told;
        mine[2] += ordinary + negative + ((place >> LOWS) != 0) + ones(bytes) + digits + told;
      } else {
        for (int w = 0; w < WORDS; w++)
          if (word >> 16 * w & 65535) { digits++; bytes |= 1ull << (2 * w + (w < WORDS - 1)); }
        mine[0] += digits * sends[i];
        mine[1] += digits;
        mine[2] += ordinary + ones(bytes);
      }
    }
  }
  for (int i = 0; i < 7; i++) { SUMMED(mine[i]); if (LEADS && mine[i]) atomicAdd(totals + i, mine[i]); }
  for (int i = 0; i < 2; i++) { LEAST(least[i]); if (LEADS) atomicMin(totals + 7 + i, least[i]); }
"""


def take(fmt: FloatFormat, role: int, words: int = 0) -> str:
    """Kernel `run`: patterns as words and the positions of their first bytes, with class times sign.

    Args:
        fmt: of the patterns.
        role: what is counted: 0 nothing, 1 a linear layer's activations, 2 the left factor, 3 the right one.
        words: of the right factor's limbs, two to each.
    """
    low = min(3, fmt.exponent_bits)
    named = {
        "SIGN": fmt.sign_mask, "FRACTION": fmt.fraction_bits, "INF": int(fmt.inf), "EXPONENTS": fmt.exponent_mask,
        "LARGEST": fmt.max_finite + fmt.inf, "ROLE": role, "BYTES": significand_bytes(fmt), "LOW": (1 << low) - 1,
        "LOWS": low, "DIGITS": digits_of(fmt), "WORDS": words, "NO_NUMBER": NAN, "ENDLESS": INFINITE,
        "ZERO": ZERO, "ORDINARY": ORDINARY,
    }  # fmt: skip
    arguments = [
        f"const {c_type(fmt)} *x",
        "u64 *words",
        "int *places",
        "signed char *kinds",
        "i64 n",
        "i64 stride",
        "i64 shift",
    ]
    arguments += ["u64 *totals", "i64 inputs", "i64 once", "i64 twice", "i64 gains", "i64 of"]
    return kernel(named, [*arguments, "const i64 *sends", "const i64 *tells"], _TAKE)


_SPREAD = """\
  const i64 e = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (e >= rows * inputs) return;
  const i64 r = e / inputs, i = e % inputs;
  u64 word = words[e];
  if (!word) return;
  i64 at = places[e] - first, g = 0;
  for (; at < 0; at++) word >>= 8;  // bytes below the lowest that is not 0
  for (; edges[g + 1] <= i; g++);
  const bool negative = kinds[e] < 0;
  i64 left = negative ? -(i64)word : (i64)word;
  PART *to = out + g * by_group + r * by_row + i - edges[g] + at / UNIT * by_part;
  for (int k = 0; k < PARTS; k++, to += by_part) {
    i64 v;
    if (UNIT == 1) {
      v = ((left + 128) & 255) - 128;
      left = (left - v) >> 8;
    } else {
      const int up = 16 * k - 8 * (int)(at & 1);
      v = (i64)((up < 0 ? word << 8 : up < 64 ? word >> up : 0) & 65535);
      v = negative ? -v : v;
    }
    if (v) for (i64 a = 0; a < copies; a++) to[a * by_copy] = (PART)v;
  }
"""


def spread(unit: int, part: str, parts: int) -> str:
    """Kernel `run`: numbers as parts of `unit` bytes each in a matrix a group, each part written `copies` times.

    Args:
        unit: 2 (bytes without sign, times the sign) or 1 (digits -128..127).
        part: type of an entry.
        parts: that a number has at most.
    """
    arguments = ["const u64 *words", "const int *places", "const signed char *kinds", "PART *out", "i64 rows"]
    arguments += ["i64 inputs", "const i64 *edges", "i64 first", "i64 copies", "i64 by_group", "i64 by_row"]
    arguments += ["i64 by_part", "i64 by_copy"]
    return kernel({"UNIT": unit, "PARTS": parts}, arguments, _SPREAD, f"typedef {part} PART;\n")


_MARK = """\
  const i64 e = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (e >= groups * positions * rows * words_of) return;
  const i64 w = e % words_of, r = e / words_of % rows, p = e / words_of / rows % positions;
  const i64 g = e / words_of / rows / positions, begin = edges[g] + 32 * w;
  u32 found = 0;
  for (int b = 0; b < 32 && begin + b < edges[g + 1]; b++) {
    const i64 from = r * inputs + begin + b, k = p - (places[from] - first);
    if (k < 0 || k >= DIGITS) continue;
    i64 v = (i64)words[from];
    if (SIGNED) for (int d = 0; d < k; d++) v = (v + 127) >> 8; else v >>= 8 * k;
    if (SIGNED ? digit_of(v) != 0 : (v & 255) != 0) found |= 1u << b;
  }
  out[e] = found;
"""


def mark(signed: bool, digits: int) -> str:
    """Kernel `run`: of each group, position and row a bit an input: whether the digit, or byte, there is not 0."""
    arguments = ["const u64 *words", "const int *places", "u32 *out", "i64 rows", "i64 inputs"]
    arguments += ["const i64 *edges", "i64 first", "i64 groups", "i64 positions", "i64 words_of"]
    return kernel({"SIGNED": int(signed), "DIGITS": digits}, arguments, _MARK)


def kernel(named: Mapping[str, int | str], arguments: Sequence[str], body: str, *before: str) -> str:
    """The text with names in capitals replaced by their values."""
    text = "".join([PREAMBLE, _SHARED, *before, head("run", arguments), "\n", body, "}\n"])
    return _replaced(text, named)


def _replaced(text: str, named: Mapping[str, int | str]) -> str:
    def value(found: re.Match[str]) -> str:
        word = found.group()
        if word not in named:
            return word
        of = named[word]
        return f"{of}ull" if isinstance(of, int) and of > 0x7FFFFFFF else str(of)

    return re.sub(r"\b[A-Z_]{3,}\b", value, text)
