"""Names that modules had before rooms were moved: importing one gives today's module, and a DeprecationWarning.

Only what README, documentation and notebooks showed is kept, until the next release.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # a command answers Ctrl-C as soon as this file is read: nothing more is imported
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

TODAY = {
    "cells": "circuits.cells",
    "encodings": "populations.codes",
    "executors": "execute",
    "executors.bitsliced": "execute.cpu",
    "hardware": "execute.loihi2",
    "layers": "programs",
    "mapping": "chip",
    "mapping.chip": "chip.description",
    "mapping.place": "models.placing",
    "mapping.schedule_checker": "chip.checker",
    "mapping.strategy": "chip.workload",
    "nlspike": "populations",
}
"""Today's place by the one before, both below `lava_nexus`; what lies in a package moved with it."""


class _Today:
    """Gives today's module for a name of before."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        import warnings
        from importlib import import_module

        warnings.warn(f"{spec.name} is {self._name} today", DeprecationWarning, stacklevel=2)
        module = import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has put that of the old name there


class _Moved:
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, *rest = fullname.split(".")
        if package != "lava_nexus" or not rest or rest[0] not in TODAY:
            return None
        from importlib.machinery import ModuleSpec
        from importlib.util import find_spec

        behind = next(n for n in range(len(rest), 0, -1) if ".".join(rest[:n]) in TODAY)
        today = ".".join([package, TODAY[".".join(rest[:behind])], *rest[behind:]])
        return ModuleSpec(fullname, _Today(today), is_package=True) if find_spec(today) else None  # type: ignore[arg-type]


def install() -> None:
    """Lets the names of before be imported; once is enough."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Moved())
