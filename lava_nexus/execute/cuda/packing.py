"""CUDA C that turns patterns into bit planes and back, and adds up what the threads of a warp counted.

Look-ups, shifts and permutations of bytes share one pipe; multiply-adds have another, which look-ups leave idle. Of two
rows a, b that a stage of the transposition turns into a', b', the new b' is a shift and a look-up or a permutation, and
a' follows from a + 2^s b = a' + 2^s b' by two multiply-adds. The factors lie in memory: of literals the compiler makes
shifts and additions again. (The high half of a product, a right shift, takes the other pipe's time too: measured.)
Source: H. S. Warren, "Hacker's Delight", 2nd ed., section 7-3 (transposition by stages).
"""

_STEPS = [1 << e for e in range(5)]
_FACTORS = f"""\
__constant__ u32 plus[5] = {{{", ".join(f"{1 << step}u" for step in _STEPS)}}};
__constant__ u32 minus[5] = {{{", ".join(f"0u - {1 << step}u" for step in _STEPS)}}};
"""
_TEXT = """\
// n rows of n-bit fields (n = 8, 16, 32): in each field bit i of row r becomes bit r of row i.
template <int n> __device__ __forceinline__ void transpose(u32 (&w)[n]) {
  #pragma unroll
  for (int e = n == 8 ? 2 : n == 16 ? 3 : 4; e >= 0; e--) {
    const int step = 1 << e;
    u32 keep = 0;
    #pragma unroll
    for (int at = 0; at < 32; at += 2 * step) keep |= ((1u << step) - 1) << at;
    #pragma unroll
    for (int r = 0; r < n; r++)
      if (!(r & step)) {
        const u32 low = w[r], high = w[r + step];
        u32 risen;
        if (step == 16) risen = __byte_perm(low, high, 0x7632);
        else if (step == 8) risen = __byte_perm(low, high, 0x7351);
        else { const u32 right = low >> step; LOOK(risen, high, right, keep, 0xca); }
        w[r] = risen * minus[e] + (high * plus[e] + low);
        w[r + step] = risen;
      }
  }
}
template <typename T, int field, bool whole> __device__ __forceinline__
void take(const T *p, long long stride, long long n, int shift, u32 (&w)[field]) {
  #pragma unroll
  for (int r = 0; r < field; r++)
    #pragma unroll
    for (int g = 0; g < 32 / field; g++) {
      const long long e = (r + g * field) * stride;
      if (whole || e < n) w[r] |= (u32)(p[e] >> shift) << (g * field);
    }
}
// Rows base + r * stride, those from n on as zeros, as bit planes: bit r of plane i is bit i of row r.
template <typename T, int bits> __device__ __forceinline__
void pack(const T *p, long long base, long long stride, long long n, u32 *plane) {
  constexpr int field = bits == 64 ? 32 : bits;
  const bool whole = base + 31 * stride < n;
  p += base; n -= base;
  #pragma unroll
  for (int half = 0; half < bits / field; half++) {
    u32 w[field];
    #pragma unroll
    for (int r = 0; r < field; r++) w[r] = 0;
    if (whole) take<T, field, true>(p, stride, n, 32 * half, w);
    else take<T, field, false>(p, stride, n, 32 * half, w);
    transpose<field>(w);
    #pragma unroll
    for (int i = 0; i < field; i++) plane[32 * half + i] = w[i];
  }
}
// One pattern for all rows.
template <typename T, int bits> __device__ __forceinline__ void spread(T pattern, u32 *plane) {
  #pragma unroll
  for (int i = 0; i < bits; i++) plane[i] = 0u - (u32)(pattern >> i & 1);
}
// The inverse of pack.
template <typename T, int bits> __device__ __forceinline__
void unpack(T *p, long long base, long long stride, long long n, const u32 *plane) {
  constexpr int field = bits == 64 ? 32 : bits;
  T row[32];
  #pragma unroll
  for (int half = 0; half < bits / field; half++) {
    u32 w[field];
    #pragma unroll
    for (int i = 0; i < field; i++) w[i] = plane[32 * half + i];
    transpose<field>(w);
    #pragma unroll
    for (int r = 0; r < field; r++)
      #pragma unroll
      for (int g = 0; g < 32 / field; g++) {
        const T part = (T)(T(w[r] >> (g * field)) << (32 * half));
        row[r + g * field] = half ? row[r + g * field] | part : part;
      }
  }
  const bool whole = base + 31 * stride < n;
  p += base; n -= base;
  if (whole) {
    #pragma unroll
    for (int r = 0; r < 32; r++) p[r * stride] = row[r];
  } else {
    #pragma unroll
    for (int r = 0; r < 32; r++) if (r * stride < n) p[r * stride] = row[r];
  }
}
// Elements of a warp, 1,024 from p on: of every 512 bytes 16 to a lane, so that the words of a lane are `bits` rows of
// fields; those from n on are zeros. Which set is which bit of a plane depends on the size of T alone.
template <typename T, bool whole> __device__ __forceinline__ void fetch(const T *p, int n, u32 (&w)[8 * sizeof(T)]) {
  constexpr int size = sizeof(T);
  #pragma unroll
  for (int i = 0; i < 8 * size; i += 4) {
    const int at = 128 * i + 16 * (threadIdx.x & 31);
    if (whole) {
      const uint4 four = *(const uint4 *)((const char *)p + at);
      w[i] = four.x; w[i + 1] = four.y; w[i + 2] = four.z; w[i + 3] = four.w;
    } else {
      #pragma unroll
      for (int j = 0; j < 4; j++) w[i + j] = 0;
      #pragma unroll
      for (int b = 0; b < 16; b += size)
        if ((at + b) / size < n) {
          const u64 one = p[(at + b) / size];
          w[i + b / 4] |= (u32)one << (8 * b & 31);
          if (size == 8) w[i + b / 4 + 1] = (u32)(one >> 32);
        }
    }
  }
}
template <typename T, bool whole> __device__ __forceinline__ void put(T *p, int n, const u32 (&w)[8 * sizeof(T)]) {
  constexpr int size = sizeof(T);
  #pragma unroll
  for (int i = 0; i < 8 * size; i += 4) {
    const int at = 128 * i + 16 * (threadIdx.x & 31);
    if (whole) *(uint4 *)((char *)p + at) = uint4{w[i], w[i + 1], w[i + 2], w[i + 3]};
    else
      #pragma unroll
      for (int b = 0; b < 16; b += size)
        if ((at + b) / size < n) {
          const u64 one = (u64)w[i + b / 4 + size / 8] << 32 | w[i + b / 4];
          p[(at + b) / size] = (T)(one >> (8 * b & 31));
        }
  }
}
// The sets of a warp from `base` on, of n, as bit planes.
template <typename T> __device__ __forceinline__ void pack_sets(const T *p, long long base, long long n, u32 *plane) {
  constexpr int words = 8 * sizeof(T), field = words < 32 ? words : 32, halves = words / field;
  u32 w[words], rows[field];
  p += base;
  const int left = n - base < 1024 ? n - base : 1024;
  if (left == 1024 && !((u64)p & 15)) fetch<T, true>(p, left, w); else fetch<T, false>(p, left, w);
  #pragma unroll
  for (int half = 0; half < halves; half++) {
    #pragma unroll
    for (int r = 0; r < field; r++) rows[r] = w[halves * r + half];
    transpose<field>(rows);
    #pragma unroll
    for (int i = 0; i < field; i++) plane[field * half + i] = rows[i];
  }
}
// The inverse of pack_sets.
template <typename T> __device__ __forceinline__ void unpack_sets(T *p, long long base, long long n, const u32 *plane) {
  constexpr int words = 8 * sizeof(T), field = words < 32 ? words : 32, halves = words / field;
  u32 w[words], rows[field];
  #pragma unroll
  for (int half = 0; half < halves; half++) {
    #pragma unroll
    for (int i = 0; i < field; i++) rows[i] = plane[field * half + i];
    transpose<field>(rows);
    #pragma unroll
    for (int r = 0; r < field; r++) w[halves * r + half] = rows[r];
  }
  p += base;
  const int left = n - base < 1024 ? n - base : 1024;
  if (left == 1024 && !((u64)p & 15)) put<T, true>(p, left, w); else put<T, false>(p, left, w);
}
__device__ __forceinline__ void gather(const u64 (&mine)[3], u64 *totals) {
  #pragma unroll
  for (int i = 0; i < 3; i++) {
    u64 sum = mine[i];
    for (int step = 16; step; step /= 2) sum += __shfl_down_sync(~0u, sum, step);
    if (!(threadIdx.x & 31) && sum) atomicAdd(totals + i, sum);
  }
}
"""
PACKING = _FACTORS + _TEXT
