"""The one exception that a user's mistake raises, and what keeps its sentence short."""

from __future__ import annotations


class NexusError(Exception):
    """A user's mistake or an unmet limit, told in one sentence that names the object, the value and the limit."""


def brief(text: str, most: int = 60) -> str:
    """The text on one line, cut where it is longer than `most` characters."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most and len(text) <= 4 * most else f"{line[: most - 3]}..."
