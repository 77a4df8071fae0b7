"""Rows of a table, each measured by itself: in this process, or by the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from lava_nexus.cluster import ClusterConfig
from lava_nexus.crew import crew
from lava_nexus.lab.trial import as_trial, trial
from lava_nexus.progress import Work

P = TypeVar("P")
R = TypeVar("R")


def spread(
    cluster: ClusterConfig | None,
    function: Callable[[Any, P], R],
    shared: Any,
    pieces: Iterable[P],
    what: str,
    unit: str = "",
    of_processor: bool = False,
) -> list[R]:
    """`function(shared, piece)` of every piece, in order, with a bar; a quick run is one at the workers too.

    Args:
        cluster: where; None for this process.
        function: of a module.
        shared: given to every piece.
        pieces: small; independent of each other.
        what, unit: for the bar.
        of_processor: whether rows depend on the processor: workers on another one are then refused.
    """
    listed, found = list(pieces), []
    if not listed:
        return []
    with crew(cluster, of_processor=of_processor) as workers, Work(what, len(listed), unit) as bar:
        for result in workers.map(_row, (function, shared, trial() is not None), listed):
            found.append(result)
            bar.update()
    return found


def _row(given: tuple[Callable[[Any, Any], Any], Any, bool], piece: Any) -> Any:
    function, shared, quick = given
    with as_trial(quick):
        return function(shared, piece)
