"""Cells of sweeps: where they are kept, and where those that are not there are measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lava_nexus.cluster import ClusterConfig
from lava_nexus.crew import crew
from lava_nexus.progress import Work
from lava_nexus.store import Store

P = TypeVar("P")
_VERSION = 1  # of what a cell on disk means
Parts = Sequence[Any]
"""All that a cell depends on."""


class Cells:
    """Cells on disk, each named by all that it depends on, so that an interrupted sweep goes on where it stopped."""

    def __init__(self, folder: Path, cluster: ClusterConfig | None = None) -> None:
        """`folder` is where they are kept, `cluster` where they are measured; None for this process."""
        self._store, self._cluster = Store(folder, "cell", {}), cluster

    def measured(
        self,
        function: Callable[[Any, P], dict[str, Any]],
        shared: Any,
        cells: Sequence[tuple[Parts, P]],
        shown: Callable[[P], str] = str,
    ) -> list[dict[str, Any]]:
        """What every cell shows, in order, with a bar: from disk where it is there, else measured and kept.

        Args:
            function: of `shared` and what says which cell it is; of a module.
            shared: given to all.
            cells: (what it depends on, which it is).
            shown: which it is, for the bar.
        """
        keys = [json.dumps([_VERSION, *parts], default=str) for parts, _ in cells]
        pieces = [self._store.recall(key) for key in keys]
        found = [None if piece is None else piece.values for piece in pieces]
        left = [number for number, values in enumerate(found) if values is None]
        if left:
            bar = Work("measuring", len(cells), "cells", len(cells) - len(left))
            with crew(self._cluster) as workers, bar:
                bar.note(shown(cells[left[0]][1]))
                for number, values in zip(
                    left, workers.map(function, shared, [cells[i][1] for i in left]), strict=False
                ):
                    self._store.remember(keys[number], values)
                    found[number] = values
                    bar.update()
                    bar.note(shown(cells[number][1]))
        return [values for values in found if values is not None]
