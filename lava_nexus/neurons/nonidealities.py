"""What real neurons do that ideal ones do not, declared once for every executor that can show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lava_nexus.errors import NexusError

NoiseOn = Literal["membrane", "inputs", "active"]
SpreadShape = Literal["normal", "uniform"]
SpreadUnit = Literal["theta", "weight"]
NOISE_ON: tuple[NoiseOn, ...] = ("membrane", "inputs", "active")


@dataclass(frozen=True)
class NonIdealities:
    """v = beta * v_after + sum w * s + noise * sqrt(n) * N(0, 1);  spike = [v >= theta + spread * scale * D].

    n is 1 (`membrane`: noise once per neuron and step), the neuron's synapses (`inputs`: on every synapse), or those
    that carry a spike in this step (`active`). D is N(0, 1) (`normal`) or uniform on -1..1; the scale is theta
    (`theta`) or 1 (`weight`). Spikes are lost or appear on the axon, behind the membrane, which knows nothing of it. A
    stuck neuron gives the same answer in every step. Strobe and inputs are ideal; a synapse from them is a synapse.

    Attributes:
        noise: standard deviation sigma, in unit weights.
        noise_on: what the noise is drawn for.
        spread: how far thresholds are from where they should be.
        spread_shape: its distribution.
        spread_unit: what it is a share of.
        spread_fresh: drawn anew every step, instead of once for each neuron of each copy of the network (manufacture).
        lost: share of spikes that never arrive.
        spurious: share of silent steps in which a spike arrives all the same.
        stuck_silent, stuck_firing: shares of neurons that never fire, and that fire in every step.
    """

    noise: float = 0.0
    noise_on: NoiseOn = "membrane"
    spread: float = 0.0
    spread_shape: SpreadShape = "normal"
    spread_unit: SpreadUnit = "theta"
    spread_fresh: bool = False
    lost: float = 0.0
    spurious: float = 0.0
    stuck_silent: float = 0.0
    stuck_firing: float = 0.0

    def __post_init__(self) -> None:
        for name in ("noise", "spread"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise NexusError(f"{name} {getattr(self, name)} is not a finite number of at least 0")
        for name in ("lost", "spurious", "stuck_silent", "stuck_firing"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise NexusError(f"{name} {getattr(self, name)} is outside 0..1")
        if self.stuck_silent + self.stuck_firing > 1.0:
            raise NexusError(f"stuck_silent {self.stuck_silent} and stuck_firing {self.stuck_firing} exceed 1 together")
        for name, allowed in (
            ("noise_on", NOISE_ON),
            ("spread_shape", ("normal", "uniform")),
            ("spread_unit", ("theta", "weight")),
        ):
            if getattr(self, name) not in allowed:
                raise NexusError(f"{name} '{getattr(self, name)}' is not one of {', '.join(allowed)}")


IDEAL = NonIdealities()
