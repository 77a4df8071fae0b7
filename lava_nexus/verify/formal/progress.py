"""Proven cases on disk, so that an interrupted run continues with those that are left."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lava_nexus.disk_cache import source_digest
from lava_nexus.store import Store
from lava_nexus.verify.formal.terms import solver_name

# Modules that put no question to the solver.
_AROUND = {"__init__", "progress"}


def method() -> str:
    """What a proven case is valid for, beside the network: the solver and the sources that put the question to it."""
    files = [file for file in sorted(Path(__file__).parent.glob("*.py")) if file.stem not in _AROUND]
    return f"{solver_name()} {source_digest(*map(str, files))}"


@dataclass
class Progress:
    """The cases of one network that are proven.

    Attributes:
        store: where they are kept.
        key: what they are valid for.
        proven: seconds of each by its name.
    """

    store: Store
    key: str
    proven: dict[str, float] = field(default_factory=dict)

    @staticmethod
    def of(folder: Path, network: str, question: str) -> Progress:
        """What the folder holds on a question about a network; a fresh start where it is nothing or damaged."""
        key = f"{network} {question} {method()}"
        store = Store(folder, "proof", {}, sources=method())
        piece = store.recall(key)
        return Progress(store, key, {} if piece is None else dict(piece.values["proven"]))

    def add(self, case: str, seconds: float) -> None:
        """Notes a proven case, at once and for good."""
        self.proven[case] = round(seconds, 2)
        self.store.remember(self.key, {"proven": self.proven})
