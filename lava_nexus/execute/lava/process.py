"""What all our Lava Processes have in common."""

from __future__ import annotations

from typing import Any

from lava.magma.core.process.process import AbstractProcess


class Process(AbstractProcess):
    """A Process that may refuse its arguments: Lava's destructor reads `_runtime` even where `__init__` raised."""

    _runtime: Any = None
