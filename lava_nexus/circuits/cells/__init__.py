"""The cells that circuits are written in, in two bases."""

from lava_nexus.circuits.cells.basis import Basis, Bit, Form, Terms, Word, weighted
from lava_nexus.circuits.cells.nexus import Nexus
from lava_nexus.circuits.cells.styles import Frugal, Shallow
from lava_nexus.circuits.cells.threshold import Threshold
from lava_nexus.errors import NexusError

BASES: dict[str, dict[str, type[Basis]]] = {
    "threshold": {"neurons": Threshold, "depth": Shallow, "energy": Frugal},
    "nexus": {"neurons": Nexus},
}


def basis_named(name: str, style: str = "neurons") -> Basis:
    """A fresh basis of that name and style.

    Raises:
        NexusError: there is none.
    """
    if name not in BASES:
        raise NexusError(f"basis '{name}' does not exist; choose one of {', '.join(BASES)}")
    if style not in BASES[name]:
        raise NexusError(f"basis '{name}' has no style '{style}'; choose one of {', '.join(BASES[name])}")
    return BASES[name][style]()


__all__ = ["BASES", "Basis", "Bit", "Form", "Nexus", "Shallow", "Terms", "Threshold", "Word", "basis_named", "weighted"]
