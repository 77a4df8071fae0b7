"""Floor 3: the cells that circuits are written in, in two bases."""

from lava_nexus.cells.basis import Basis, Bit, Terms, Word, weighted
from lava_nexus.cells.columns import Form
from lava_nexus.cells.nexus import Nexus
from lava_nexus.cells.threshold import Threshold
from lava_nexus.errors import NexusError

BASES: dict[str, type[Basis]] = {"threshold": Threshold, "nexus": Nexus}


def basis_named(name: str) -> Basis:
    """A fresh basis of that name.

    Raises:
        NexusError: there is none of that name.
    """
    if name not in BASES:
        raise NexusError(f"basis '{name}' does not exist; choose one of {', '.join(BASES)}")
    return BASES[name]()


__all__ = ["BASES", "Basis", "Bit", "Form", "Nexus", "Terms", "Threshold", "Word", "basis_named", "weighted"]
