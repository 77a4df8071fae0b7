"""Kernels of native sums a sum a thread: their digits, what is sent of them, and products of two activations.

What each does is what `execute.native` does on a CPU; the equations are there.
"""

from __future__ import annotations

from lava_nexus.execute.cuda.native.source import kernel
from lava_nexus.execute.cuda.source import c_type
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import Port
from lava_nexus.populations.native.limbs import digits_of
from lava_nexus.populations.native.neurons import INFINITE, MINUS_ZERO, NAN, Window

SENT = ("accumulators", "awake", "steps", "sends", "codes", "late", "bits", "marks", "negative", "products", "busy")
"""What `send` and `pair` add up, before spikes of each payload: spikes and updates of accumulators, steps in which a
digit comes to a sum, payloads and codes that leave in other steps, codes, bits of payloads and of codes, negative sums,
spikes and updates of products."""

_DIGITS = """\
// Digits of one group from what arrives, added to those of the sum.
template <class Arrived, class Met> __device__ __forceinline__
void add_digits(Arrived arrived, Met met, int span, int steps, int *total, int &behind, u32 *mine) {
  i64 carry = 0;
  for (int t = 0; t < steps; t++) {
    const bool more = t < span;
    const i64 v = carry + (more ? arrived(t) : 0);
    const int digit = digit_of(v);
    carry = (v + 127) >> 8;
    if (digit) {
      for (; behind <= t; behind++) total[behind] = 0;
      total[t] = total[t] + 2 * digit | 1;
      mine[0]++;
    }
    if (COUNT && (digit || (more && met(t)))) mine[1]++;
    if (t + 1 >= span && !carry) break;
  }
}
// The window of a sum from its digits; what is sent, and what is counted of it.
__device__ __forceinline__
void send(const int *total, int behind, int first, int steps, int lowest, int code, i64 n, WORD *word_to,
          PLACE *place_to, SIGNS *sign_to, CODES *code_to, u32 *mine) {
  int high[2] = {0, 0}, highest[2] = {-1, -1};
  u64 word[2] = {0, 0}, window[2] = {0, 0};
  bool below[2] = {false, false}, sticky[2] = {false, false}, last = false;
  for (int t = 0; t < steps; t++) {
    const int both = t < behind ? total[t] : 0;
    last = both & 1;
    mine[2] += last;
    for (int s = 0; s < 2; s++) {
      const int v = (s ? -(both >> 1) : both >> 1) + high[s], digit = v & 255;
      high[s] = v >> 8;
      below[s] |= (word[s] & 255) != 0;
      word[s] = (word[s] >> 8) | (u64)digit << 8 * (SIZE - 1);
      if (digit || first + t <= lowest) { window[s] = word[s]; sticky[s] = below[s]; }
      if (digit) highest[s] = first + t;
    }
    if (t >= behind && first + t >= lowest && -1 <= high[0] && high[0] <= 0 && -1 <= high[1] && high[1] <= 0) break;
  }
  const int s = high[0] != 0, top = highest[s] > lowest ? highest[s] - lowest : 0;
  const u64 place = highest[s] < 0 ? 0 : top < CAP ? top : CAP;
  const bool rest = sticky[s] || (window[s] & ((1ull << SPARE) - 1));
  const u64 whole = (window[s] >> SPARE) << 1 | rest;
  const bool negative = s && (place || whole);
  word_to[n] = (WORD)whole; place_to[n] = (PLACE)place; sign_to[n] = negative; code_to[n] = (CODES)code;
  if (!COUNT) return;
  const int widths[PIECES] = WIDTHS;
  int left = WIDE;
  for (int k = 0; k < PIECES; k++) {
    const int own = widths[k] - (k ? 0 : PLACES);
    left -= own;
    const bool some = (whole >> left & ((1ull << own) - 1)) || (!k && place);
    mine[11 + s * PIECES + k] += some;
    mine[3] += some && !last;
  }
  mine[4] += code != 0; mine[5] += code && !last; mine[6] += ones(whole) + ones(place); mine[7] += ones(code);
  mine[8] += negative;
}
"""
_COUNTED = """\
  for (int i = 0; COUNT && i < 11 + 2 * PIECES; i++) {
    FEW(mine[i]);
    if (LEADS && mine[i]) atomicAdd(totals + i, (u64)mine[i]);
  }
"""

_SEND = """\
  const i64 sums = rows * outputs;
  u32 mine[11 + 2 * PIECES] = {0};
  for (i64 n = (i64)blockIdx.x * blockDim.x + threadIdx.x; n < sums; n += stride) {
    const i64 r = n / outputs, j = n % outputs;
    int total[LENGTH], behind = 0;
    for (int g = 0; g < groups; g++) {
      const PART *own = arrived + (g * height + r) * wide + j;
      const auto arrives = [&](int t) {
        return t % UNIT || t >= UNIT * parts ? (i64)0 : (i64)own[t / UNIT * rows * wide];
      };
      const auto met = [&](int t) {
        for (int a = 0; a < weight_positions; a++) {
          const int q = t - a;
          if (q < 0 || q >= digit_positions) continue;
          const u32 *one = digits + ((g * digit_positions + q) * rows + r) * words_of;
          const u32 *other = weights + ((g * weight_positions + a) * outputs + j) * words_of;
          for (int w = 0; w < words_of; w++) if (one[w] & other[w]) return true;
        }
        return false;
      };
      add_digits(arrives, met, (int)span, (int)steps, total, behind, mine);
    }
    send(total, behind, (int)first, (int)steps, (int)lowest, codes ? codes[n] : 0, n, word, place, sign, code, mine);
  }
"""
_RESULTS = ["WORD *word", "PLACE *place", "SIGNS *sign", "CODES *code", "u64 *totals", "i64 stride"]


def send(back: tuple[Port, ...], window: Window, count: bool, unit: int, part: str, length: int) -> str:
    """Kernel `run`: digits of a linear layer's sums, and what is sent of them.

    Args:
        back: ports that take what is sent.
        window: what is kept of a sum.
        count: whether anything is counted.
        unit: bytes of a part.
        part: type of what arrives, [groups, height, wide]: by position and row, and by output.
        length: digits at most.
    """
    arguments = ["const PART *arrived", "i64 rows", "i64 outputs", "i64 height", "i64 wide", "i64 groups", "i64 parts"]
    arguments += [
        "i64 span",
        "i64 first",
        "i64 steps",
        "i64 lowest",
        "const u32 *digits",
        "i64 digit_positions",
        "const u32 *weights",
    ]
    arguments += ["i64 weight_positions", "i64 words_of", "const signed char *codes", *_RESULTS]
    named = {"UNIT": unit, "LENGTH": length, **_window(window, count)}
    return kernel(named, arguments, _SEND + _COUNTED, f"typedef {part} PART;\n{_types(back)}", _DIGITS)


_PAIR = """\
  const i64 each = rows * columns;
  u32 mine[11 + 2 * PIECES] = {0};
  for (i64 n = (i64)blockIdx.x * blockDim.x + threadIdx.x; n < matrices * each; n += stride) {
    const i64 b = n / each, r = n % each / columns, j = n % columns;
    int total[LENGTH], behind = 0, reports[4] = {0, 0, 0, 0};
    bool some[4] = {false, false, false, false};
    for (int g = 0; g < groups; g++) {
      i64 arrived[LENGTH];
      bool met[LENGTH], told[4] = {false, false, false, false};
      int own[4] = {0, 0, 0, 0};
      for (int t = 0; t < steps; t++) { arrived[t] = 0; met[t] = false; }
      for (i64 i = edges[g]; i < edges[g + 1]; i++) {
        const i64 one = (b * rows + r) * terms + i, other = (b * columns + j) * terms + i;
        const int left = kinds[one], right = held_kinds[other];
        const int k = left < 0 ? -left : left, m = right < 0 ? -right : right;
        const int sign = (left < 0) == (right < 0) ? 1 : -1;
        if (k > 1 || m > 1) {
          int s = 0, end = 1;
          if (k > 3 || m > 3 || k + m == 5) { s = 3; end = 4; } else if (k == 3 || m == 3) { s = 1; end = 3; }
          for (; s < end; s++) { own[s] += s < 2 ? sign : 1; told[s] = true; mine[9]++; mine[10] += s > 0; }
        }
        i64 v = (i64)words[one];
        if (!v) continue;
        const u64 limbs = held[other];
        const int place = held_places[other], at = places[one] + place;
        int out[DIGITS + LIMBS - 1];
        u32 came = 0;
        for (int d = 0; d < DIGITS + LIMBS - 1; d++) out[d] = 0;
        for (int d = 0; d < DIGITS; d++) {
          const int digit = digit_of(v);
          v = (v + 127) >> 8;
          came |= (u32)(digit != 0) << d;
          for (int a = 0; a < LIMBS; a++) out[d + a] += digit * (int)(limbs >> 8 * a & 255);
        }
        mine[10] += ones(came);
        for (int d = 0; d < DIGITS + LIMBS - 1; d++)
          if (out[d]) {
            arrived[at + d] += sign * out[d];
            met[at + d] = true;
            mine[9]++;
            mine[10] += place + d >= DIGITS || !(came >> (place + d) & 1);
          }
      }
      const auto arrives = [&](int t) { return arrived[t]; };
      const auto comes = [&](int t) { return met[t]; };
      add_digits(arrives, comes, (int)steps, (int)steps, total, behind, mine);
      for (int s = 0; s < 4; s++) {
        reports[s] += own[s]; mine[0] += own[s] != 0; mine[1] += told[s]; some[s] |= own[s] != 0;
      }
    }
    for (int s = 0; s < 4; s++) mine[2] += some[s];
    const int zeros = reports[0], signs = reports[1], infinities = reports[2];
    int code = zeros == -terms ? MINUS_ZERO : 0;
    if (infinities > 0) code = signs == infinities ? INFINITE : INFINITE + 1;
    if (reports[3] > 0 || (infinities > 0 && signs != infinities && signs != -infinities)) code = NAN_CODE;
    send(total, behind, 0, (int)steps, (int)lowest, code, n, word, place, sign, code_to, mine);
  }
"""


def pair(back: tuple[Port, ...], window: Window, count: bool, left: FloatFormat, limbs: int, length: int) -> str:
    """Kernel `run`: sums of products of two activations, product by product, and what is sent of them.

    Args:
        back, window, count, length: as of `send`.
        left: format of the left factor.
        limbs: of an element of the right one.
    """
    arguments = ["const u64 *words", "const int *places", "const signed char *kinds", "const u64 *held"]
    arguments += ["const int *held_places", "const signed char *held_kinds", "i64 matrices", "i64 rows", "i64 columns"]
    arguments += ["i64 terms", "i64 groups", "const i64 *edges", "i64 steps", "i64 lowest"]
    results = [one.replace("*code", "*code_to") for one in _RESULTS]
    named = {"DIGITS": digits_of(left), "LIMBS": limbs, "LENGTH": length, **_window(window, count)}
    named |= {"MINUS_ZERO": MINUS_ZERO, "INFINITE": INFINITE, "NAN_CODE": NAN}
    return kernel(named, [*arguments, *results], _PAIR + _COUNTED, _types(back), _DIGITS)


def _window(window: Window, count: bool) -> dict[str, int | str]:
    return {
        "COUNT": int(count), "SIZE": window.bytes, "CAP": window.cap, "SPARE": window.spare,
        "PIECES": len(window.widths), "PLACES": window.place_bits, "WIDE": window.bits + 1,
        "WIDTHS": "{" + ", ".join(map(str, window.widths)) + "}",
    }  # fmt: skip


def _types(back: tuple[Port, ...]) -> str:
    names = ("WORD", "PLACE", "SIGNS", "CODES")
    return "".join(f"typedef {c_type(port)} {name};\n" for name, port in zip(names, back, strict=True))
