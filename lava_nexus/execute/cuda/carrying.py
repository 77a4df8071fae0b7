"""Weights on their way to a GPU: made or read by a thread, copied beside what the GPU computes."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from lava_nexus.execute.cuda.device import cupy, pinned, send
from lava_nexus.execute.weights import Remote, Rows, Source

_PIECE = 1 << 26
"""Bytes of a piece that is made, while the one before is copied."""


class Carrier:
    """Brings weights to one GPU; what is sent for lies there when it is taken."""

    def __init__(self, device: int) -> None:
        self._device = device
        self._under_way: dict[Any, Future[tuple[Any, Any]]] = {}
        self._thread = ThreadPoolExecutor(1, "weights")
        self._stream: Any = None
        self._buffers: list[tuple[Any, Any]] = []

    def begin(self, weights: Iterable[Rows], source: Source) -> None:
        """Sends for weights, in this order; those that were sent for and are not among them are let go."""
        wanted = {(source, str(rows)): rows for rows in weights}
        for key in [key for key in self._under_way if key not in wanted]:
            self._arrived(key)
        for key, rows in wanted.items():
            self._send_for(key, rows, source)

    def take(self, remote: Remote) -> Any:
        """The weights, flat on the current GPU: patterns, or upper halves of them (`Rows.carried`)."""
        self._send_for(remote.key, remote.of, remote.source)
        return self._arrived(remote.key)

    def _arrived(self, key: Any) -> Any:
        array, there = self._under_way.pop(key).result()
        cupy().cuda.get_current_stream().wait_event(there)
        return array

    def _send_for(self, key: Any, rows: Rows, source: Source) -> None:
        if key in self._under_way:
            return
        number = rows.rows.stop - rows.rows.start
        # Where the main stream takes and frees memory, what it still reads is not written anew by another one.
        array = cupy().empty(number * rows.shape[1], rows.carried(source))
        free = cupy().cuda.get_current_stream().record()
        self._under_way[key] = self._thread.submit(self._carry, rows, source, array, free)

    def _carry(self, rows: Rows, source: Source, array: Any, free: Any) -> tuple[Any, Any]:
        with cupy().cuda.Device(self._device):
            if self._stream is None:
                self._stream = cupy().cuda.Stream(non_blocking=True)
                self._buffers = [(pinned(_PIECE), None) for _ in range(2)]
            self._stream.wait_event(free)
            number, terms = rows.rows.stop - rows.rows.start, rows.shape[1]
            each = max(1, _PIECE // (terms * array.itemsize))
            for first in range(0, number, each):
                part = rows.part(slice(first, min(first + each, number)))
                self._copy(part, source, array, first * terms)
            return array, self._stream.record()

    def _copy(self, rows: Rows, source: Source, array: Any, first: int) -> None:
        buffer, read = self._buffers.pop(0)
        if read is not None:
            read.synchronize()
        number, terms = rows.rows.stop - rows.rows.start, rows.shape[1]
        size = number * terms * array.itemsize
        if size > buffer.size:
            buffer = pinned(size)
        host = buffer[:size].view(array.dtype)
        rows.carry(source, host.reshape(number, terms))
        send(host, array, first, self._stream)
        self._buffers.append((buffer, self._stream.record()))
