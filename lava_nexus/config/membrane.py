"""How neurons differ from ideal ones, as a part of other configs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from lava_nexus.config.base import Config
from lava_nexus.errors import NexusError
from lava_nexus.neurons import NeuronModel, NonIdealities

_MODEL = ("beta", "reset", "margin", "placement", "fraction_bits")
_OURS = ("regime", "streams")


class MembraneOptions(Config):
    """Options of the membrane executor; the defaults are ideal, memoryless neurons.

    Attributes:
        beta, reset, margin, placement, fraction_bits: see `neurons.NeuronModel`.
        regime: `reset` clears every membrane between operand sets, `streaming` takes one set a time step.
        streams: copies of every circuit, which share the operand sets in turn; None gives each set its own.
        noise, noise_on, spread, spread_shape, spread_unit, spread_fresh, lost, spurious, stuck_silent, stuck_firing:
            see `neurons.NonIdealities`.
    """

    beta: float = Field(default=0.0, ge=-1, le=1)
    reset: Literal["full", "hard", "soft"] = "full"
    margin: float = Field(default=0.5, ge=0, le=1)
    placement: Literal["margin", "middle"] = "margin"
    fraction_bits: int | None = Field(default=None, ge=0, le=32)
    regime: Literal["reset", "streaming"] = "reset"
    streams: int | None = Field(default=None, ge=1)
    noise: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    noise_on: Literal["membrane", "inputs", "active"] = "membrane"
    spread: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    spread_shape: Literal["normal", "uniform"] = "normal"
    spread_unit: Literal["theta", "weight"] = "theta"
    spread_fresh: bool = False
    lost: float = Field(default=0.0, ge=0, le=1)
    spurious: float = Field(default=0.0, ge=0, le=1)
    stuck_silent: float = Field(default=0.0, ge=0, le=1)
    stuck_firing: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _consistent(self) -> MembraneOptions:
        try:
            self.executor_options(0)
        except NexusError as error:
            raise ValueError(str(error)) from error
        if self.regime == "streaming" and self.streams is None and not self.model.memoryless:
            raise ValueError("regime 'streaming' needs streams: a stream of one set has nothing to remember")
        return self

    @property
    def model(self) -> NeuronModel:
        """Leak, reset and threshold."""
        return NeuronModel(**{name: getattr(self, name) for name in _MODEL})

    def executor_options(self, seed: int) -> dict[str, Any]:
        """Arguments of `MembraneExecutor`."""
        rest = [name for name in type(self).model_fields if name not in (*_MODEL, *_OURS)]
        non = NonIdealities(**{name: getattr(self, name) for name in rest})
        return {
            "model": self.model,
            "regime": self.regime,
            "streams": self.streams,
            "nonidealities": non,
            "seed": seed,
        }
