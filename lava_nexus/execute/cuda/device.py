"""CuPy where it is asked for: arrays on a GPU, kernels compiled by NVRTC and kept on disk, launches."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.disk_cache import Arrays, Metadata, cached
from lava_nexus.errors import NexusError
from lava_nexus.execute.cuda.source import THREADS

_OPTIONS = ("--std=c++17", "--use_fast_math", "-diag-suppress=177")
_STRICT = ("--std=c++17", "--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true", "-diag-suppress=177")
"""How kernels are compiled whose floats are what IEEE-754 says."""
_ARCHITECTURES = (75, 80, 86, 87, 89, 90, 100, 103, 110, 120, 121)
"""Compute capabilities that kernels are compiled for; a newer minor one of the same major runs them too."""

_modules: dict[tuple[str, int], Any] = {}


@lru_cache(maxsize=1)
def cupy() -> ModuleType:
    """CuPy.

    Raises:
        NexusError: it is not installed, or finds no GPU.
    """
    try:
        import cupy as found
    except ImportError:
        raise NexusError("executor 'cuda' needs CuPy: pip install 'lava-nexus[gpu]' on a machine with CUDA") from None
    try:
        number = found.cuda.runtime.getDeviceCount()
    except Exception as error:  # the driver's absence has no class of its own
        raise NexusError(f"executor 'cuda' finds no GPU that CUDA can use: {error}") from None
    if not number:
        raise NexusError("executor 'cuda' finds no GPU that CUDA can use")
    return found  # type: ignore[no-any-return]


def checked_devices(devices: Sequence[int] | int | None) -> tuple[int, ...]:
    """Numbers of the GPUs to be used; the current one where nothing is said.

    Raises:
        NexusError: one is named that is not there, or twice, or none at all.
    """
    count = cupy().cuda.runtime.getDeviceCount()
    if devices is None:
        return (int(cupy().cuda.Device().id),)
    listed = (devices,) if isinstance(devices, int) else tuple(devices)
    for device in listed:
        if isinstance(device, bool) or not isinstance(device, int) or not 0 <= device < count:
            raise NexusError(f"devices {list(listed)} names GPU {device!r}, but there are GPUs 0 to {count - 1}")
    if not listed or len(set(listed)) < len(listed):
        raise NexusError(f"devices {list(listed)} has to name at least one GPU, and each once")
    return listed


def on_device(patterns: Any) -> bool:
    """Whether an array lies on a GPU, to be read as it is or by DLPack."""
    if isinstance(patterns, np.ndarray | np.generic) or not hasattr(patterns, "__dlpack_device__"):
        return False
    return bool(patterns.__dlpack_device__()[0] == _CUDA)


_CUDA = 2
"""DLPack's number of the kind of device."""


def placed(patterns: Any, dtype: np.dtype[Any] | None = None) -> Any:
    """The array on the current GPU: itself or a view where it lies there already.

    Args:
        patterns: a NumPy or CuPy array, or any other of DLPack on a GPU.
        dtype: of the patterns; numbers of the same size are taken by their bits.
    """
    xp = cupy()
    array = patterns if isinstance(patterns, xp.ndarray) else None
    if array is None:
        array = xp.from_dlpack(patterns) if on_device(patterns) else xp.asarray(np.asarray(patterns))
    if (
        dtype is not None
        and array.dtype != dtype
        and array.dtype.itemsize == dtype.itemsize
        and array.dtype.kind in "fi"
    ):
        array = array.view(dtype)
    return array


def here(array: Any) -> Any:
    """A contiguous CuPy array on the current GPU, copied from another where it lies there."""
    if array.device.id == cupy().cuda.Device().id:
        return array
    with array.device:
        cupy().cuda.get_current_stream().synchronize()
    copy = cupy().empty(array.shape, array.dtype)
    copy.data.copy_from_device(array.data, array.nbytes)
    return copy


def pinned(size: int) -> NDArray[np.uint8]:
    """Bytes of host memory that stay where they are, which a GPU reads while it computes."""
    return np.frombuffer(cupy().cuda.alloc_pinned_memory(size), np.uint8, size)


def send(host: NDArray[Any], array: Any, first: int, stream: Any) -> None:
    """Copies pinned memory to a flat array, from an element on, in the order of a stream, and does not wait."""
    to = array.data.ptr + first * array.itemsize
    cupy().cuda.runtime.memcpyAsync(to, host.ctypes.data, host.nbytes, _TO_DEVICE, stream.ptr)


_TO_DEVICE = 1
"""The runtime's number of copies from the host."""


def fetched(patterns: Any) -> NDArray[Any]:
    """The array in host memory."""
    return np.asarray(patterns) if isinstance(patterns, np.ndarray | np.generic) else cupy().asnumpy(patterns)


def launch(source: Callable[[], str], key: str, threads: int, arguments: Sequence[Any], strict: bool = False) -> None:
    """Runs the kernel `run` of a source by at least that many threads of the current GPU.

    Args:
        source: makes the text, where no cubin is kept.
        key: names all that the text depends on.
        threads: to run.
        arguments: CuPy arrays and 64-bit integers; None for a null pointer.
        strict: whether its floats are to be what IEEE-754 says.
    """
    given = tuple(
        np.uint64(0) if one is None else np.int64(one) if isinstance(one, int | np.integer) else one
        for one in arguments
    )
    _function(source, key, strict)((-(-threads // THREADS),), (THREADS,), given)


def prepare(kernels: Sequence[Any]) -> None:
    """Compiles side by side those of several kernels, each with a source and a key, that the current GPU lacks."""
    device = cupy().cuda.Device()
    missing = [one for one in kernels if (one.key, device.id) not in _modules]
    if len(missing) > 1:
        capability = int(device.compute_capability)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda one: cubin(one.source, one.key, capability), missing))


def _function(source: Callable[[], str], key: str, strict: bool) -> Any:
    device = cupy().cuda.Device()
    if (key, device.id) not in _modules:
        module = cupy().cuda.function.Module()
        module.load(cubin(source, key, int(device.compute_capability), strict))
        _modules[key, device.id] = module.get_function("run")
    return _modules[key, device.id]


def cubin(source: Callable[[], str], key: str, capability: int, strict: bool = False) -> bytes:
    """The kernel compiled for a compute capability (90 for 9.0), from disk where it is kept; needs no GPU.

    Raises:
        NexusError: NVRTC does not compile it.
    """
    from cupy.cuda import nvrtc

    known = [of for of in _ARCHITECTURES if of <= capability and of // 10 == capability // 10]
    architecture, options = max(known, default=capability), _STRICT if strict else _OPTIONS

    def build() -> bytes:
        program = nvrtc.createProgram(source(), "gates.cu", [], [])
        try:
            nvrtc.compileProgram(program, [*options, f"-arch=sm_{architecture}"])
            return bytes(nvrtc.getCUBIN(program))
        except nvrtc.NVRTCError as error:
            raise NexusError(f"NVRTC does not compile a kernel for compute capability {capability}: {error}") from None
        finally:
            nvrtc.destroyProgram(program)

    version = ".".join(map(str, nvrtc.getVersion()))
    return cached("cubins", f"{key}:{architecture}:{version}:{options}", build, _to_arrays, _from_arrays)


def side_stream(name: str) -> Any:
    """A stream of that name on the current GPU beside the current one."""
    key = int(cupy().cuda.Device().id), int(cupy().cuda.get_current_stream().ptr), name
    if key not in _beside:
        _beside[key] = cupy().cuda.Stream(non_blocking=True)
    return _beside[key]


_beside: dict[tuple[int, int, str], Any] = {}


@contextmanager
def aside() -> Iterator[Callable[[], None]]:
    """What is launched within runs behind what the current stream has, beside what that gets from then on.

    The current stream waits for its end where the function that is given is called, once, after the block.
    """
    main, own, ends = cupy().cuda.get_current_stream(), side_stream("aside"), list[Any]()
    own.wait_event(main.record())
    with own:
        yield lambda: main.wait_event(ends.pop())
    ends.append(own.record())


def machine() -> dict[str, Any]:
    """What a measurement on the current GPU ran on."""
    xp = cupy()
    properties = xp.cuda.runtime.getDeviceProperties(xp.cuda.Device().id)
    return {
        "device": properties["name"].decode(),
        "driver": xp.cuda.runtime.driverGetVersion(),
        "runtime": xp.cuda.runtime.runtimeGetVersion(),
        "clock, GHz": properties["clockRate"] / 1e6 if "clockRate" in properties else None,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "cupy": xp.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def digest_of(*parts: object) -> str:
    """SHA-256 of what a kernel is made from."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def _to_arrays(binary: bytes) -> tuple[Arrays, Metadata]:
    return {"binary": np.frombuffer(binary, np.uint8)}, {}


def _from_arrays(arrays: Arrays, _: Metadata) -> bytes:
    if arrays["binary"].dtype != np.uint8 or not len(arrays["binary"]):
        raise ValueError("no cubin")
    return arrays["binary"].tobytes()
