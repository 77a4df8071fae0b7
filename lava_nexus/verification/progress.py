"""Progress of a task on disk, so that an interrupted run continues from the last chunk that it finished."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from lava_nexus.files import write_text
from lava_nexus.verification.outcome import Outcome
from lava_nexus.verification.task import Task


@dataclass
class Progress:
    """How far a task has come.

    Attributes:
        path: JSON file.
        key: what the findings are valid for.
        done: chunks finished, from the first without a gap.
        outcome: what they showed.
    """

    path: Path
    key: str
    done: int = 0
    outcome: Outcome = field(default_factory=Outcome)

    @staticmethod
    def of(task: Task, folder: Path) -> Progress:
        """What the folder holds of a task; a fresh start where that is nothing, something broken or another network."""
        checks = "gates" * task.gates + " correct" * task.correct + " direct" * task.direct
        words = f"{task.name}, {task.how.partition(':')[0]}, {checks}"
        path = folder / f"{re.sub('[^a-z0-9]+', '_', words.lower()).strip('_')}.json"
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["key"] == task.key:
                return Progress(path, task.key, int(stored["done"]), Outcome.from_dict(stored["outcome"]))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return Progress(path, task.key)

    def save(self) -> None:
        """Writes the file, whole or not at all."""
        values = {"key": self.key, "done": self.done, "outcome": self.outcome.to_dict()}
        write_text(self.path, json.dumps(values) + "\n")
