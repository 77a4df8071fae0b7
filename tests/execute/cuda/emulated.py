"""CUDA kernels on the host: their text compiled as C++, threads one after another, NumPy for CuPy's arrays.

What a kernel does with an index, a lane or a count is the same text that a GPU runs; only the few intrinsics and the
look-up itself are written anew here, for a processor.
"""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lava_nexus.execute.cuda import device
from lava_nexus.execute.cuda.source import THREADS

COMPILER = shutil.which("g++") or shutil.which("clang++")

_SHIM = """\
#include <cstdint>
#define __device__ static
#define __constant__ static const
#define __global__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)
#define __clzll(x) ((x) ? __builtin_clzll(x) : 64)
static void atomicAdd(unsigned long long *p, unsigned long long v) { *p += v; }
static void atomicMin(unsigned long long *p, unsigned long long v) { if (v < *p) *p = v; }
#include <cmath>
template <typename A, typename B> static A bits_of(B b) { A a; __builtin_memcpy(&a, &b, sizeof a); return a; }
#define __longlong_as_double(x) bits_of<double, long long>(x)
#define __double_as_longlong(x) bits_of<long long, double>(x)
#define __uint_as_float(x) bits_of<float, unsigned>(x)
#define __float_as_uint(x) bits_of<unsigned, float>(x)
#define OPERATION(name, sign) \
  static float __f##name##_rn(float a, float b) { return a sign b; } \
  static double __d##name##_rn(double a, double b) { return a sign b; }
OPERATION(add, +) OPERATION(sub, -) OPERATION(mul, *) OPERATION(div, /)
static float __fsqrt_rn(float a) { return std::sqrt(a); }
static double __dsqrt_rn(double a) { return std::sqrt(a); }
static float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
static double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
struct Index { long long x; };
static thread_local Index blockIdx, blockDim, threadIdx;
static unsigned looked(unsigned a, unsigned b, unsigned c, unsigned t) {
  unsigned r = 0;
  for (int m = 0; m < 8; m++) if (t >> m & 1) r |= (m & 1 ? a : ~a) & (m & 2 ? b : ~b) & (m & 4 ? c : ~c);
  return r;
}
struct uint4 { unsigned x, y, z, w; };
static unsigned __byte_perm(unsigned a, unsigned b, unsigned s) {
  const unsigned long long both = (unsigned long long)b << 32 | a;
  unsigned r = 0;
  for (int i = 0; i < 4; i++) r |= (unsigned)(both >> 8 * (s >> 4 * i & 7) & 255) << 8 * i;
  return r;
}
"""
_MACROS = """\
#define LOOK(d, a, b, c, t) d = looked(a, b, c, t)
#define KEEP(d, a, b, c, t) d = looked(a, b, c, t)
#define POPC(d, a) d = __builtin_popcount(a)
#define MORE(d, p, w) d += (p) * (unsigned)(w)
#define SUMMED(v)
#define LEAST(v)
#define FEW(v)
#define LEADS true
"""
_GATHER = """\
static void gather(const u64 (&mine)[3], u64 *totals) { for (int i = 0; i < 3; i++) totals[i] += mine[i]; }
"""


def as_cpp(text: str) -> str:
    """The text of a kernel for a host's compiler, with an entry that runs every thread."""
    lines = [line for line in text.split("\n") if not line.startswith("#define") and "#pragma" not in line]
    body = "\n".join(lines)
    gather = body.find("__device__ __forceinline__ void gather")
    if gather >= 0:
        body = body[:gather] + _GATHER + body[body.index("\n}\n", gather) + 3 :]
    typedefs = body.index("typedef unsigned long long u64;\n") + len("typedef unsigned long long u64;\n")
    head = body[body.index(" void run(") + len(" void run(") :]
    arguments = head[: head.index(") {")]
    names = [one.split()[-1].lstrip("*") for one in arguments.split(",")]
    entry = (
        f'extern "C" void all(long long blocks, {arguments}) {{ blockDim.x = {THREADS};\n'
        f"  for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++)\n"
        f"    for (threadIdx.x = 0; threadIdx.x < {THREADS}; threadIdx.x++) run({', '.join(names)}); }}\n"
    )
    return _SHIM + body[:typedefs] + _MACROS + body[typedefs:] + entry


class Emulator:
    """Launches kernels on the host."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._loaded = folder, dict[str, Any]()

    def launch(
        self, source: Callable[[], str], key: str, threads: int, arguments: Sequence[Any], strict: bool = False
    ) -> None:
        """As `device.launch`; floats are strict on the host."""
        given = [ctypes.c_longlong(-(-threads // THREADS))]
        for one in arguments:
            if isinstance(one, np.ndarray):
                assert one.flags.c_contiguous
                given.append(ctypes.c_void_p(one.ctypes.data))  # type: ignore[arg-type]
            else:
                given.append(ctypes.c_void_p(0) if one is None else ctypes.c_longlong(one))  # type: ignore[arg-type]
        self._entry(source, key)(*given)

    def _entry(self, source: Callable[[], str], key: str) -> Any:
        if key not in self._loaded:
            name = hashlib.sha256(key.encode()).hexdigest()[:24]
            text, library = self._folder / f"{name}.cpp", self._folder / f"{name}.so"
            if not library.exists():
                text.write_text(as_cpp(source()))
                assert COMPILER is not None
                command = [
                    COMPILER,
                    "-O1",
                    "-ffp-contract=off",
                    "-w",
                    "-shared",
                    "-fPIC",
                    str(text),
                    "-o",
                    str(library),
                ]
                subprocess.run(command, check=True, capture_output=True)
            entry = ctypes.CDLL(str(library)).all
            entry.restype = None
            self._loaded[key] = entry
        return self._loaded[key]


_AS_NUMPY = (
    "empty",
    "empty_like",
    "zeros",
    "asarray",
    "ascontiguousarray",
    "broadcast_to",
    "concatenate",
    "ndarray",
    "arange",
    "flatnonzero",
)


class _Event:
    """Nothing to wait for."""

    def synchronize(self) -> None:
        """All is done."""


class _Stream:
    ptr = 0

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def record(self) -> _Event:
        return _Event()

    def wait_event(self, event: _Event) -> None:
        assert isinstance(event, _Event)


class _Device:
    """One of two, the current one of a thread where no number is given."""

    mem_info = (1 << 30, 1 << 30)
    _now = threading.local()

    def __init__(self, number: int | None = None) -> None:
        self.id = self._within()[-1] if number is None else number
        assert self.id in (0, 1)

    def _within(self) -> list[int]:
        return self._now.__dict__.setdefault("numbers", [0])

    def __enter__(self) -> None:
        self._within().append(self.id)

    def __exit__(self, *_: object) -> None:
        self._within().pop()


@contextmanager
def emulated(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Emulator]:
    """Within it executors of kind `cuda` run on the host."""
    runtime = SimpleNamespace(getDeviceCount=lambda: 2)
    cuda = SimpleNamespace(Device=_Device, runtime=runtime, Stream=lambda **_: _Stream(), get_current_stream=_Stream)
    fake = SimpleNamespace(
        **{name: getattr(np, name) for name in _AS_NUMPY},
        cuda=cuda, asnumpy=np.asarray,
    )  # fmt: skip
    emulator = Emulator(folder)
    with monkeypatch.context() as patched:
        from lava_nexus.execute.cuda import (
            carrying,
            executor,
            golden,
            gpus,
            planes,
            reference,
            sharing,
            steps,
            sums,
            tables,
        )
        from lava_nexus.execute.cuda.native import elements, layers, pairs

        for module in (
            device,
            carrying,
            executor,
            golden,
            gpus,
            planes,
            reference,
            steps,
            sums,
            tables,
            elements,
            layers,
            pairs,
        ):
            if hasattr(module, "cupy"):
                patched.setattr(module, "cupy", lambda: fake)
        for module in (device, elements, executor, golden, reference, sums):
            patched.setattr(module, "launch", emulator.launch)
        patched.setattr(executor, "prepare", lambda _: None)
        patched.setattr(device, "_beside", {})
        patched.setattr(layers, "multiplied", _multiplied)
        patched.setattr(carrying, "pinned", lambda size: np.empty(size, np.uint8))
        patched.setattr(carrying, "send", _sent)
        for module in (gpus, sharing, sums):
            patched.setattr(module, "here", lambda array: array)
        for module in (executor, gpus, reference):
            patched.setattr(module, "fetched", np.asarray)
        for module in (elements, executor, gpus, layers, planes, reference, sums):
            patched.setattr(module, "placed", _placed)
        yield emulator


def _multiplied(left: Any, right: Any, into: Any) -> None:
    np.matmul(left.astype(into.dtype), np.swapaxes(right, 1, 2).astype(into.dtype), out=into)


def _sent(host: Any, array: Any, first: int, _: Any) -> None:
    array[first : first + len(host)] = host


def _placed(patterns: Any, dtype: np.dtype[Any] | None = None) -> Any:
    array = np.asarray(patterns)
    return array if dtype is None or array.dtype == dtype or array.dtype.kind not in "fi" else array.view(dtype)
