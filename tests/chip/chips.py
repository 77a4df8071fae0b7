"""Chips with limits so small that they bind."""

from __future__ import annotations

from lava_nexus.chip import Chip, load_chip


def small_chip(**limits: int) -> Chip:
    """Loihi 2 on a mesh of 2 x 2 routers of 2 cores, with some limits replaced."""
    chip = load_chip()
    mesh = chip.mesh.model_copy(update={"columns": 2, "rows": 2, "cores_per_router": 2})
    held = {
        name: getattr(chip.limits, name).model_copy(update={"value": value, "rule": None})
        for name, value in limits.items()
    }
    return chip.model_copy(update={"mesh": mesh, "limits": chip.limits.model_copy(update=held)})
