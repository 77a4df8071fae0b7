"""Versions of Python and of the packages that a result depends on."""

from __future__ import annotations

import platform
from importlib import metadata

_PACKAGES = ("lava-nexus", "lava-nc", "lava-dl", "numpy", "numba", "torch")


def installed_versions() -> dict[str, str]:
    """Package name to version, Python first; packages that are not installed are left out."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
