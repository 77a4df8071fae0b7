"""Energy models as data: constants with value, range, unit, meaning, source and confidence, one YAML file a model."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_nexus.chip.timing import Span
from lava_nexus.documents import read_yaml
from lava_nexus.errors import NexusError

_FOLDER = Path(__file__).parent / "models"
_ENERGY = {"pJ": 1e-12, "nJ": 1e-9}
_POWER = {"mW": 1e-3, "W": 1.0}
REQUIRED = (
    "synaptic_op",
    "neuron_update_active",
    "neuron_update_inactive",
    "within_tile_spike",
    "hop_east_west",
    "hop_north_south",
)
OPTIONAL = ("spike", "host_word", "static_power")
"""What a model may leave out: it then costs nothing."""


@dataclass(frozen=True)
class Constant:
    """Energy of one event, or the power of a chip that does nothing.

    Attributes:
        name: one of `REQUIRED` or `OPTIONAL`.
        value: in `unit`.
        unit: "pJ" or "nJ"; "W" or "mW" for `static_power`.
        meaning: the event.
        source: where the value was read.
        confidence: how directly it was read, or how it was obtained.
        low, high: of what is not known better; the value where left out.
    """

    name: str
    value: float
    unit: str
    meaning: str
    source: str
    confidence: str
    low: float | None = None
    high: float | None = None

    @property
    def si(self) -> float:
        """The value in joules or watts."""
        return self.span.value

    @property
    def span(self) -> Span:
        """In joules or watts, with its range."""
        unit = (_ENERGY | _POWER)[self.unit]
        low = self.value if self.low is None else self.low
        return Span(low * unit, self.value * unit, (self.value if self.high is None else self.high) * unit)


@dataclass(frozen=True)
class EnergyModel:
    """All constants that an estimate needs.

    Attributes:
        name: as configs call it.
        title: what chip and how known, for reports.
        constants: one for each name in `REQUIRED`, in that order, then those of `OPTIONAL` that it has.
    """

    name: str
    title: str
    constants: tuple[Constant, ...]

    def joules(self, name: str) -> float:
        """Joules of one event; 0 for one of `OPTIONAL` that the model leaves out."""
        return self.span(name).value

    def span(self, name: str) -> Span:
        """As `joules`, with its range; watts of "static_power"."""
        return next((constant.span for constant in self.constants if constant.name == name), Span.of(0.0))

    @property
    def static_watts(self) -> float:
        """Power of a chip whatever it does; 0 where the model does not say."""
        return self.joules("static_power")


def energy_model_names() -> tuple[str, ...]:
    """Names of the models that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_energy_model(name: str | EnergyModel) -> EnergyModel:
    """The model of that name, the one in a YAML file of the same form where `name` ends in .yaml, or a model as it is.

    Raises:
        NexusError: no such model, or a file that lacks a constant, its unit or its source.
    """
    if isinstance(name, EnergyModel):
        return name
    if not isinstance(name, str):
        raise NexusError(f"energy model {name!r} is no name, no path and no EnergyModel")
    path = Path(name) if name.endswith(".yaml") else _FOLDER / f"{name}.yaml"
    if not name.endswith(".yaml") and name not in energy_model_names():
        near = difflib.get_close_matches(name, energy_model_names(), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"choose one of {', '.join(energy_model_names())}"
        raise NexusError(f"energy model '{name}' does not exist; {hint}")
    try:
        data = read_yaml(path, "file")
    except NexusError as error:
        raise NexusError(f"energy model '{name}' cannot be read: {error}") from error
    return _model(path.stem, data)


def _model(name: str, data: Any) -> EnergyModel:
    if not isinstance(data, dict) or not isinstance(data.get("constants"), dict):
        raise NexusError(f"energy model '{name}' has no mapping 'constants'")
    known = (*REQUIRED, *OPTIONAL)
    unknown = sorted(set(data["constants"]) - set(known))
    if unknown:
        raise NexusError(f"energy model '{name}': constant '{unknown[0]}' does not exist; known are {', '.join(known)}")
    constants = tuple(_constant(name, key, data) for key in known if key in REQUIRED or key in data["constants"])
    return EnergyModel(name, str(data.get("title", name)), constants)


def _constant(model: str, key: str, data: dict[str, Any]) -> Constant:
    entry = data["constants"].get(key)
    if not isinstance(entry, dict):
        raise NexusError(f"energy model '{model}' lacks the constant '{key}'")
    value, unit = _number(model, key, entry.get("value")), entry.get("unit")
    low, high = (None if entry.get(end) is None else _number(model, key, entry[end]) for end in ("low", "high"))
    if not (value if low is None else low) <= value <= (value if high is None else high):
        raise NexusError(f"energy model '{model}': {key} is {value:g}, outside its range {low} .. {high}")
    units = _POWER if key == "static_power" else _ENERGY
    if unit not in units:
        raise NexusError(f"energy model '{model}': unit of {key} is {unit}, must be {' or '.join(units)}")
    source = entry.get("source", data.get("source"))
    if not source:
        raise NexusError(f"energy model '{model}': {key} names no source")
    confidence = str(entry.get("confidence", data.get("confidence", "not stated")))
    return Constant(key, value, unit, str(entry.get("meaning", "")), str(source), confidence, low, high)


def _number(model: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise NexusError(f"energy model '{model}': {key} is {value}, must be a finite number of at least 0")
    return float(value)
