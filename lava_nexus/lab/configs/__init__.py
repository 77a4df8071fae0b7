"""What experiments read: one config a file of YAML; here the names that configs hold, each checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from lava_nexus.chip.description import load_chip
from lava_nexus.chip.workload import Strategy
from lava_nexus.config import did_you_mean
from lava_nexus.energy import load_energy_model
from lava_nexus.errors import NexusError
from lava_nexus.formats import FORMATS


def one_of(known: Iterable[str], unknown: str) -> AfterValidator:
    """A name that is known; `unknown` says in words that it is not."""
    names = list(known)

    def found(name: str) -> str:
        if name not in names:
            raise ValueError(f"{unknown}{did_you_mean(name, names)}")
        return name

    return AfterValidator(found)


def accepted_by(check: Callable[[str], object]) -> AfterValidator:
    """A name that a function takes without a NexusError, whose sentence is told."""

    def found(name: str) -> str:
        try:
            check(name)
        except NexusError as error:
            raise ValueError(str(error)) from error
        return name

    return AfterValidator(found)


def _as_text(value: object) -> object:
    """YAML reads `folded: 8` as a key and its value."""
    return " ".join(f"{k}: {v}" for k, v in value.items()) if isinstance(value, dict) else value


FormatName = Annotated[str, one_of(FORMATS, "this format does not exist")]
EnergyModelName = Annotated[str, accepted_by(load_energy_model)]
ChipName = Annotated[str, accepted_by(load_chip)]
StrategyText = Annotated[str, BeforeValidator(_as_text), accepted_by(Strategy.of)]
