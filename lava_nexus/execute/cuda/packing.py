"""CUDA C that turns patterns into bit planes and back, and adds up what the threads of a warp counted."""

PACKING = """\
// n rows of n-bit fields (n = 8, 16, 32): in each field bit i of row r becomes bit r of row i.
template <int n> __device__ __forceinline__ void transpose(u32 (&w)[n]) {
  #pragma unroll
  for (int step = n / 2; step; step /= 2) {
    u32 keep = 0;
    #pragma unroll
    for (int at = 0; at < 32; at += 2 * step) keep |= ((1u << step) - 1) << at;
    #pragma unroll
    for (int r = 0; r < n; r++)
      if (!(r & step)) {
        const u32 low = w[r], high = w[r + step];
        if (step == 16) {
          w[r] = __byte_perm(low, high, 0x5410); w[r + step] = __byte_perm(low, high, 0x7632);
        } else if (step == 8) {
          w[r] = __byte_perm(low, high, 0x6240); w[r + step] = __byte_perm(low, high, 0x7351);
        } else {
          w[r] = (low & keep) | ((high << step) & ~keep); w[r + step] = ((low >> step) & keep) | (high & ~keep);
        }
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
__device__ __forceinline__ void gather(const u64 (&mine)[3], u64 *totals) {
  #pragma unroll
  for (int i = 0; i < 3; i++) {
    u64 sum = mine[i];
    for (int step = 16; step; step /= 2) sum += __shfl_down_sync(~0u, sum, step);
    if (!(threadIdx.x & 31) && sum) atomicAdd(totals + i, sum);
  }
}
"""
