"""The one exception that a user's mistake raises."""

from __future__ import annotations


class NexusError(Exception):
    """A user's mistake or an unmet limit, told in one sentence that names the object, the value and the limit."""
