"""A crew of Dask workers: pieces submitted ahead, retried where a worker is lost, told of in a sentence."""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import tempfile
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from lava_nexus.cluster import END, ClusterConfig, Crew, Passed, pieces_on_worker, signature, step_on_worker
from lava_nexus.errors import NexusError, brief
from lava_nexus.store import THREADS

P = TypeVar("P")
R = TypeVar("R")
_AHEAD = 4  # pieces given out before they are needed, a worker
_ATTEMPTS = 3  # workers that a piece may end or outlast
_LOOK_SECONDS = 1.0
_TOGETHER_SECONDS = 0.5  # of short pieces given out as one: to give one out takes milliseconds
_READY = 64  # what is shared by pieces of several calls, held by the cluster


@dataclass(frozen=True)
class _Shared:
    """A function and what its pieces share, packed; `future` is where the cluster has it."""

    function: Any
    value: Any
    key: str
    future: Any


class _Piece:
    """A piece that was given out; what it gives is fetched when it is there, so that no worker's end takes it away.

    Attributes:
        future: Dask's, of its last step.
        keys: of all its steps.
        fetched: what it gives.
    """

    def __init__(self, futures: list[Any]) -> None:
        self.future, self.keys = futures[-1], {future.key for future in futures}
        self.fetched: Future[Any] = Future()
        self.future.add_done_callback(self._fetch)

    def _fetch(self, done: Any) -> None:
        try:
            self.fetched.set_result(done.result())
        except BaseException as error:
            self.fetched.set_exception(error)


class DaskCrew(Crew):
    """Workers of a cluster that is there, or of one on this machine that ends with the stack."""

    def __init__(self, config: ClusterConfig, of_processor: bool, stack: ExitStack) -> None:
        self.config = config
        self._nannies: dict[Any, Any] = {}
        self._shared: OrderedDict[int, _Shared] = OrderedDict()
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
        _configured(stack)
        security = config.tls and dask.Security(
            tls_ca_file=str(config.tls.ca),
            tls_client_cert=str(config.tls.cert),
            tls_client_key=str(config.tls.key),
            require_encryption=True,
        )
        place: dict[str, Any] = {"address": config.at}
        if config.at == "local":
            made = started(config, stack)
            self._nannies, place = made.workers, {"address": made}
        elif config.at.endswith(".json"):
            if not Path(config.at).is_file():
                raise NexusError(f"scheduler file '{config.at}' does not exist")
            place = {"scheduler_file": config.at}
        try:
            client = dask.Client(**place, timeout=config.wait_seconds, set_as_default=False, security=security)
        except (OSError, TimeoutError, ValueError, TypeError) as error:  # TypeError: TLS without certificates
            raise NexusError(f"no cluster answers at '{config.at}': {brief(str(error), 120)}") from error
        stack.callback(_quietly, lambda: client.close(timeout=5))
        return client

    def map(
        self, function: Callable[[Any, P], R], shared: Any, pieces: Iterable[P], returning: bool = False
    ) -> Iterator[R]:
        """On workers, short ones several at a time; where a worker dies, or lasts too long, another computes them."""
        there = self._there() if returning else []
        together, left = 1, iter(pieces)

        def submitted(of: _Shared, number: int, packed: bytes) -> _Piece:
            return _Piece([self._submitted(pieces_on_worker, of, packed, number, at=_turn(there, number))])

        bundles = iter(lambda: list(islice(left, together)), [])
        for found, seconds in self._joined(submitted, function, shared, bundles):
            if not returning:
                together = max(1, min(2 * len(found), int(_TOGETHER_SECONDS * len(found) / max(seconds, 1e-6))))
            yield from found

    def relay(
        self, function: Callable[[Any, int, Any], Any], shared: Any, items: Iterable[Any], steps: int
    ) -> Iterator[Any]:
        """On workers: a step where it was for the items before, what it gives handed on between workers."""
        there = self._there()

        def submitted(of: _Shared, number: int, packed: bytes) -> _Piece:
            passed: list[Any] = [packed]
            for step in range(steps):
                at = _turn(there, step * max(1, len(there)) // steps)
                passed.append(self._submitted(step_on_worker, of, passed[-1], number, step, at=at))
            return _Piece(passed[1:])

        for passed in self._joined(submitted, function, shared, items):
            yield passed.value if isinstance(passed, Passed) else passed

    def _there(self) -> list[str]:
        """Addresses of the workers of today, in an order that stays."""
        return sorted(self._client.scheduler_info(n_workers=-1)["workers"])

    def _submitted(self, act: Any, of: _Shared, value: Any, number: int, *more: Any, at: str | None) -> Any:
        where = {} if at is None else {"workers": [at], "allow_other_workers": True}
        # Earlier pieces first; the results of one run must not be taken for those of another.
        given = (self._expected, of.key, of.future, value, *more)
        return self._client.submit(act, *given, pure=False, priority=-number, **where)

    def _joined(
        self, submitted: Callable[[_Shared, int, bytes], _Piece], function: Any, shared: Any, pieces: Any
    ) -> Iterator[Any]:
        """Results in order of the pieces, some of which are submitted ahead."""
        import cloudpickle

        of = self._ready(function, shared)
        pending: deque[_Piece] = deque()
        left = enumerate(pieces)
        try:
            while True:
                while len(pending) < _AHEAD * self.workers and (piece := next(left, END)) is not END:
                    number, value = piece
                    pending.append(submitted(of, number, cloudpickle.dumps(value)))
                if not pending:
                    return
                yield self._result(pending[0])
                pending.popleft()
        finally:
            own = () if id(shared) in self._shared else (of.future,)
            for future in (*(one.future for one in pending), *own):  # a cancellation would wait for answers
                _quietly(future.release)

    def _ready(self, function: Any, shared: Any) -> _Shared:
        """Packed and given to the cluster; once, as far as it is a frozen dataclass and cannot change."""
        import cloudpickle

        held = self._shared.get(id(shared))
        if held is not None and held.function is function:
            self._shared.move_to_end(id(shared))
            return held
        packed = cloudpickle.dumps((function, shared))
        key = hashlib.sha256(packed).hexdigest()
        made = _Shared(function, shared, key, self._client.submit(bytes, packed, key=f"shared-{key}"))
        if getattr(getattr(shared, "__dataclass_params__", None), "frozen", False):
            self._shared[id(shared)] = made
            while len(self._shared) > _READY:
                _quietly(self._shared.popitem(last=False)[1].future.release)
        return made

    def _result(self, piece: _Piece) -> Any:
        """The result of a piece, whatever became of the workers that it was given to before."""
        worked, idle, restarts = 0.0, 0.0, 0
        while True:
            if wait([piece.fetched], _LOOK_SECONDS).done:
                try:
                    return piece.fetched.result()
                except Exception as error:
                    raise self._told(error) from error
            on = self._workers_of(piece)
            worked, idle = (worked + _LOOK_SECONDS, 0.0) if on else (worked, idle + _LOOK_SECONDS)
            if idle >= self.config.wait_seconds and not self._client.nthreads():
                raise NexusError(f"cluster '{self.config.at}' has had no worker for {idle:g} s")
            if worked >= self.config.patience_seconds:
                restarts += 1
                self._begun_anew(on, restarts)
                worked = 0.0

    def _workers_of(self, piece: _Piece) -> list[str]:
        return [address for address, keys in self._client.processing().items() if not piece.keys.isdisjoint(keys)]

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


def _turn(there: list[str], number: int) -> str | None:  # None for anyone's
    return there[number % len(there)] if there else None


_SETTINGS = {
    "distributed.nanny.pre-spawn-environ": {},  # what libraries are told is what this process is told
    "distributed.scheduler.allowed-failures": _ATTEMPTS - 1,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.worker-ttl": "60s",
    "distributed.worker.profile.enabled": False,  # samples of stacks, which a local cluster has no dashboard for
    "distributed.deploy.lost-worker-timeout": "7d",  # a worker that is begun anew just then would be given up for good
    "distributed.comm.timeouts.connect": "30s",
    "distributed.comm.timeouts.tcp": "60s",
    "distributed.admin.tick.limit": "60s",
}


def _configured(stack: ExitStack) -> None:
    import dask

    stack.enter_context(dask.config.set(_SETTINGS))
    for name in ("distributed", "tornado", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _imported() -> Any:
    try:
        import distributed
        import distributed.comm
    except ImportError as error:
        raise NexusError("a cluster needs the extra 'distributed': pip install 'lava-nexus[distributed]'") from error
    return distributed


def started(config: ClusterConfig, stack: ExitStack) -> Any:
    """A cluster of processes on this machine that listens on the loopback alone; ended with the stack."""
    _imported()
    from distributed import Nanny, Scheduler, SpecCluster
    from distributed.system import MEMORY_LIMIT  # of this machine, or of what its control group allows

    _configured(stack)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lava_nexus-cluster-", ignore_cleanup_errors=True))
    common: dict[str, Any] = {
        "nthreads": 1,
        "host": "127.0.0.1",
        "dashboard": False,
        "local_directory": folder,
        "memory_limit": config.memory or int(MEMORY_LIMIT) // config.processes,
        "silence_logs": logging.CRITICAL,
    }
    own = {THREADS: str(config.each), "LAVA_NEXUS_PROGRESS": "0"}  # the client tells how far the whole is
    visible = [own | ({"CUDA_VISIBLE_DEVICES": str(i)} if config.gpus else {}) for i in range(config.processes)]
    workers = {i: {"cls": Nanny, "options": {**common, "env": env}} for i, env in enumerate(visible)}
    scheduler = {"cls": Scheduler, "options": {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"}}
    made = SpecCluster(workers, scheduler, name="lava_nexus", silence_logs=logging.CRITICAL)
    stack.callback(_quietly, lambda: made.close(timeout=10))
    return made


def _quietly(action: Callable[[], Any]) -> None:
    with suppress(Exception):  # leaving must not fail where what is left is gone already
        action()
