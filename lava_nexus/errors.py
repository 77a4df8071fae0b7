"""The one exception that a user's mistake raises, and what keeps its sentence short."""

from __future__ import annotations

from importlib.util import find_spec

EXTRAS = {
    "checkpoints": ("tokenizers", "gguf"),
    "data": ("sklearn",),
    "export": ("nir", "h5py", "vcd"),
    "lava": ("lava",),
    "placing": ("mtkahypar",),
    "plots": ("matplotlib",),
    "torch": ("torch",),
}
"""Packages that the core does without, by the extra that brings them."""


class NexusError(Exception):
    """A user's mistake or an unmet limit, told in one sentence that names the object, the value and the limit."""


def brief(text: str, most: int = 60) -> str:
    """The text on one line, cut where it is longer than `most` characters."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most and len(text) <= 4 * most else f"{line[: most - 3]}..."


def needs_extras(what: str, *extras: str) -> None:
    """Nothing where the extras are installed.

    Raises:
        NexusError: they are not; the sentence says what needs which, and how it is installed.
    """
    missing = [extra for extra in extras if any(find_spec(package) is None for package in EXTRAS[extra])]
    if missing:
        packages = ", ".join(package for extra in missing for package in EXTRAS[extra])
        raise NexusError(f"{what} needs {packages}: pip install 'lava-nexus[{','.join(missing)}]'")


def needs_package(what: str, package: str) -> None:
    """Nothing where one package of an extra is installed.

    Raises:
        NexusError: it is not; the sentence names the package and the extra that brings it.
    """
    if find_spec(package) is None:
        extra = next(extra for extra, packages in EXTRAS.items() if package in packages)
        raise NexusError(f"{what} needs {package}: pip install 'lava-nexus[{extra}]'")
