"""Where work is cut and results are joined: independent pieces, on threads of this process or on a Dask cluster.

A piece is a picklable value; `function(shared, piece)` gives its result. Results come back in the order of the pieces,
whatever the number of workers, the order of arrival or a retry, so that whoever adds them up gets the same integers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from lava_nexus.cluster import END, ClusterConfig, reuse_memory
from lava_nexus.cluster import Crew as Crew
from lava_nexus.progress import doing

P = TypeVar("P")
R = TypeVar("R")


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
    reuse_memory()
    if cluster is None and threads == 1:
        yield _Here()
        return
    if cluster is None:
        with ThreadPoolExecutor(threads) as pool:
            yield _Threads(pool, threads)
        return
    from lava_nexus.dask_crew import DaskCrew

    with ExitStack() as stack:
        with doing(f"waiting for cluster '{cluster.at}', at most {cluster.wait_seconds:g} s"):
            workers = DaskCrew(cluster, of_processor, stack)
        yield workers


@contextmanager
def standing(cluster: ClusterConfig | None) -> Iterator[ClusterConfig | None]:
    """The cluster for several crews, one after the other: one of this machine is started once, and ends with the block.

    Raises:
        NexusError: as `crew`.
    """
    if cluster is None or cluster.at != "local":
        yield cluster
        return
    from lava_nexus.dask_crew import started

    with ExitStack() as stack:
        yield cluster.model_copy(update={"at": started(cluster, stack).scheduler_address})


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
                while len(pending) < 2 * self.workers and (piece := next(left, END)) is not END:
                    pending.append(self._pool.submit(function, shared, piece))  # type: ignore[arg-type]
                if not pending:
                    return
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
