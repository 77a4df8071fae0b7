"""Proven cases on disk, so that an interrupted run continues with those that are left."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from lava_nexus.disk_cache import source_digest
from lava_nexus.files import write_text
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
        path: JSON file.
        key: what they are valid for.
        proven: seconds of each by its name.
    """

    path: Path
    key: str
    proven: dict[str, float] = field(default_factory=dict)

    @staticmethod
    def of(folder: Path, network: str, question: str) -> Progress:
        """What the folder holds on a question about a network; a fresh start where it is nothing or broken."""
        key = f"{network} {question} {method()}"
        path = folder / f"{network[:16]}.json"
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["key"] == key:
                return Progress(path, key, {str(name): float(value) for name, value in stored["proven"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return Progress(path, key)

    def add(self, case: str, seconds: float) -> None:
        """Notes a proven case, at once and for good."""
        self.proven[case] = round(seconds, 2)
        write_text(self.path, json.dumps({"key": self.key, "proven": self.proven}) + "\n")
