"""Where work is cut and results are joined: independent pieces, on threads of this process or on a Dask cluster.

A piece is a picklable value; `function(shared, piece)` gives its result. Results come back in the order of the pieces,
whatever the number of workers, the order of arrival or a retry, so that whoever adds them up gets the same integers.
"""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import tempfile
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from lava_nexus.cluster import ClusterConfig, piece_on_worker, signature
from lava_nexus.errors import NexusError, brief

P = TypeVar("P")
R = TypeVar("R")
_AHEAD = 4  # pieces given out before they are needed, a worker
_ATTEMPTS = 3  # workers that a piece may end or outlast
_LOOK_SECONDS = 1.0


class Crew(ABC):
    """What computes pieces.

    Attributes:
        workers: that compute at the same time.
    """

    workers: int

    @abstractmethod
    def map(
        self, function: Callable[[Any, P], R], shared: Any, pieces: Iterable[P], returning: bool = False
    ) -> Iterator[R]:
        """`function(shared, piece)` of every piece, in order, some ahead.

        Args:
            function: of a module that workers can import.
            shared: given to every piece; brought to a worker once.
            pieces: small; independent of each other.
            returning: whether the pieces of each call go to the same workers, which keep what they need for them.

        Raises:
            NexusError: one of them raises it, or the cluster cannot end its work.
        """


@contextmanager
def crew(cluster: ClusterConfig | None, threads: int = 1, of_processor: bool = False) -> Iterator[Crew]:
    """The cluster, or so many threads where that is None, one being the caller's own; nothing of a local cluster stays.

    Args:
        cluster: None for threads.
        threads: of this process.
        of_processor: whether bits depend on the processor: workers on another one are then refused.

    Raises:
        NexusError: no cluster there, no worker in time, or the extra `distributed` is not installed.
    """
    if cluster is None and threads == 1:
        yield _Here()
        return
    if cluster is None:
        with ThreadPoolExecutor(threads) as pool:
            yield _Threads(pool, threads)
        return
    with ExitStack() as stack:
        yield _Dask(cluster, of_processor, stack)


class _Here(Crew):
    workers = 1

    def map(
        self, function: Callable[[Any, P], R], shared: Any, pieces: Iterable[P], returning: bool = False
    ) -> Iterator[R]:
        """One after the other, when it is asked for."""
        return (function(shared, piece) for piece in pieces)


class _Threads(Crew):
    def __init__(self, pool: ThreadPoolExecutor, workers: int) -> None:
        self.workers, self._pool = workers, pool

    def map(
        self, function: Callable[[Any, P], R], shared: Any, pieces: Iterable[P], returning: bool = False
    ) -> Iterator[R]:
        """On threads, two pieces ahead for each."""
        pending: deque[Future[R]] = deque()
        left = iter(pieces)
        try:
            while True:
                while len(pending) < 2 * self.workers and (piece := next(left, _END)) is not _END:
                    pending.append(self._pool.submit(function, shared, piece))  # type: ignore[arg-type]
                if not pending:
                    return
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


_END: Any = object()


class _Dask(Crew):
    def __init__(self, config: ClusterConfig, of_processor: bool, stack: ExitStack) -> None:
        self.config = config
        self._nannies: dict[Any, Any] = {}
        self._distributed = _imported()
        self._expected = signature(of_processor)
        self._client = self._connected(stack)
        try:
            self._client.wait_for_workers(1, timeout=config.wait_seconds)
        except Exception as error:
            raise NexusError(
                f"cluster '{config.at}' has no worker after {config.wait_seconds:g} s; start one by: dask worker"
            ) from error
        self.workers = config.processes if config.at == "local" else sum(self._client.nthreads().values())

    def _connected(self, stack: ExitStack) -> Any:
        dask, config = self._distributed, self.config
        import dask as settings

        stack.enter_context(settings.config.set(_SETTINGS))
        for name in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        security = config.tls and dask.Security(
            tls_ca_file=str(config.tls.ca),
            tls_client_cert=str(config.tls.cert),
            tls_client_key=str(config.tls.key),
            require_encryption=True,
        )
        place: dict[str, Any] = {"address": config.at}
        if config.at == "local":
            made = _local(config, stack)
            self._nannies, place = made.workers, {"address": made}
        elif config.at.endswith(".json"):
            if not Path(config.at).is_file():
                raise NexusError(f"scheduler file '{config.at}' does not exist")
            place = {"scheduler_file": config.at}
        try:
            client = dask.Client(**place, timeout=config.wait_seconds, set_as_default=False, security=security)
        except (OSError, TimeoutError, ValueError) as error:
            raise NexusError(f"no cluster answers at '{config.at}': {brief(str(error), 120)}") from error
        stack.callback(_quietly, lambda: client.close(timeout=5))
        return client

    def map(
        self, function: Callable[[Any, P], R], shared: Any, pieces: Iterable[P], returning: bool = False
    ) -> Iterator[R]:
        """On workers; a piece whose worker dies, or lasts too long, is computed by another."""
        import cloudpickle

        packed = cloudpickle.dumps((function, shared))
        key = hashlib.sha256(packed).hexdigest()
        held = self._client.submit(bytes, packed, key=f"shared-{key}")
        pending: deque[Any] = deque()
        left = enumerate(pieces)
        try:
            while True:
                while len(pending) < _AHEAD * self.workers and (piece := next(left, _END)) is not _END:
                    number, value = piece
                    given = (self._expected, key, held, cloudpickle.dumps(value))
                    where = self._place(number) if returning else {}
                    # Earlier pieces first; the results of one run must not be taken for those of another.
                    pending.append(self._client.submit(piece_on_worker, *given, pure=False, priority=-number, **where))
                if not pending:
                    return
                yield self._result(pending[0])
                pending.popleft()
        finally:
            for future in (*pending, held):  # what nobody waits for is dropped; a cancellation would wait for answers
                _quietly(future.release)

    def _place(self, number: int) -> dict[str, Any]:
        there = sorted(self._client.scheduler_info(n_workers=-1)["workers"])
        return {"workers": [there[number % len(there)]], "allow_other_workers": True} if there else {}

    def _result(self, future: Any) -> Any:
        """The result of a piece, whatever became of the workers that it was given to before."""
        worked, idle, restarts = 0.0, 0.0, 0
        while True:
            try:
                return future.result(timeout=_LOOK_SECONDS)
            except self._distributed.TimeoutError:
                on = self._workers_of(future)
            except Exception as error:
                raise self._told(error) from error
            worked, idle = (worked + _LOOK_SECONDS, 0.0) if on else (worked, idle + _LOOK_SECONDS)
            if idle >= self.config.wait_seconds and not self._client.nthreads():
                raise NexusError(f"cluster '{self.config.at}' has had no worker for {idle:g} s")
            if worked >= self.config.patience_seconds:
                restarts += 1
                self._begun_anew(on, restarts)
                worked = 0.0

    def _workers_of(self, future: Any) -> list[str]:
        return [address for address, keys in self._client.processing().items() if future.key in keys]

    def _begun_anew(self, on: list[str], restarts: int) -> None:
        """Starts the worker of a piece that lasts too long anew."""
        lasted = f"a piece has not ended in {self.config.patience_seconds:g} s on"
        if restarts == _ATTEMPTS:
            raise NexusError(f"{lasted} {_ATTEMPTS} workers of '{self.config.at}'")
        own = {nanny.worker_address: nanny.pid for nanny in self._nannies.values()}
        if all(address in own for address in on):  # SIGKILL ends stopped processes too; their nannies begin them anew
            for address in on:
                with suppress(ProcessLookupError):
                    os.kill(own[address], signal.SIGKILL)
            return
        try:
            self._client.restart_workers(on, timeout=self.config.wait_seconds, raise_for_error=False)
        except ValueError as error:
            raise NexusError(f"{lasted} worker {', '.join(on)}, which has no nanny to start it anew") from error

    def _told(self, error: Exception) -> Exception:
        """What became of a piece, as a sentence where it is no fault of the program."""
        dask, at = self._distributed, self.config.at
        if isinstance(error, dask.scheduler.KilledWorker):
            return NexusError(
                f"a piece ended {_ATTEMPTS} workers of '{at}', each killed or out of memory; give workers more memory"
            )
        lost = (dask.CancelledError, dask.comm.CommClosedError, dask.client.FutureCancelledError)
        if isinstance(error, lost):
            return NexusError(f"the scheduler of '{at}' was lost; finished pieces are kept: go on with --resume")
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "lava_nexus":
            return NexusError(f"workers of '{at}' do not have this version of lava-nexus: no module '{error.name}'")
        return error


_SETTINGS = {
    "distributed.nanny.pre-spawn-environ": {},  # what libraries are told is what this process is told
    "distributed.scheduler.allowed-failures": _ATTEMPTS - 1,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.worker-ttl": "60s",
    "distributed.comm.timeouts.connect": "30s",
    "distributed.comm.timeouts.tcp": "60s",
    "distributed.admin.tick.limit": "60s",
}


def _imported() -> Any:
    try:
        import distributed
        import distributed.comm
    except ImportError as error:
        raise NexusError("a cluster needs the extra 'distributed': pip install 'lava-nexus[distributed]'") from error
    return distributed


def _local(config: ClusterConfig, stack: ExitStack) -> Any:
    """A cluster of processes on this machine that listens on the loopback alone; ended with the stack."""
    from distributed import Nanny, Scheduler, SpecCluster

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lava_nexus-cluster-", ignore_cleanup_errors=True))
    common: dict[str, Any] = {
        "nthreads": 1,
        "host": "127.0.0.1",
        "dashboard": False,
        "local_directory": folder,
        "memory_limit": config.memory or _memory() // config.processes,
        "silence_logs": logging.CRITICAL,
    }
    visible = [{"CUDA_VISIBLE_DEVICES": str(i)} if config.gpus else {} for i in range(config.processes)]
    workers = {i: {"cls": Nanny, "options": {**common, "env": env}} for i, env in enumerate(visible)}
    scheduler = {"cls": Scheduler, "options": {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"}}
    made = SpecCluster(workers, scheduler, name="lava_nexus", silence_logs=logging.CRITICAL)
    stack.callback(_quietly, lambda: made.close(timeout=10))
    return made


def _memory() -> int:
    """Bytes of this machine, or of what its control group allows."""
    from distributed.system import MEMORY_LIMIT

    return int(MEMORY_LIMIT)


def _quietly(action: Callable[[], Any]) -> None:
    """Leaving must not fail where what is left is gone already."""
    with suppress(Exception):
        action()
