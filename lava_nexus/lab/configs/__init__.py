"""What experiments read: one config a file of YAML; here the names that configs hold, each checked."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from lava_nexus.config import did_you_mean
from lava_nexus.energy import load_energy_model
from lava_nexus.errors import NexusError
from lava_nexus.formats import FORMATS


def _format(name: str) -> str:
    if name not in FORMATS:
        raise ValueError(f"this format does not exist{did_you_mean(name, FORMATS)}")
    return name


FormatName = Annotated[str, AfterValidator(_format)]


def _energy_model(name: str) -> str:
    try:
        load_energy_model(name)
    except NexusError as error:
        raise ValueError(str(error)) from error
    return name


EnergyModelName = Annotated[str, AfterValidator(_energy_model)]
