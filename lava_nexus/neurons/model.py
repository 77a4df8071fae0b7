"""What a neuron does with its membrane between steps, and what real neurons do that ideal ones do not.

Both are equations as data, declared here once for every executor that keeps a membrane or can show a fault. `thetas`
says where the physical threshold of each gate stands: between the largest sum that must not fire and the smallest that
must.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.neurons.network import STROBE, ThresholdNetwork

Reset = Literal["full", "hard", "soft"]
Placement = Literal["margin", "middle"]
RESETS: tuple[Reset, ...] = ("full", "hard", "soft")


@dataclass(frozen=True)
class NeuronModel:
    """v(t) = beta * v_after(t - 1) + sum w * s;  spike = [v >= theta] (strict: [v > theta]);  theta = T - margin.

    v_after is 0 after every step (`full`), 0 after a spike (`hard`), or v - theta after a spike (`soft`);
    without a spike `hard` and `soft` keep v. Source: NEXUS, arXiv 2601.21279, section 3 (soft reset, leak beta).

    The margin places the physical threshold theta below the integer threshold T of the gate. The default, 1/2, is the
    middle of the gap between T - 1 and T and is what the paper sets (AND: 1.5), noise and spread being stated against
    it. From v = 0 a gate is exact for 0 <= margin < 1, and for 0 < margin <= 1 where strict; margin 0 and strict
    is another function, [sum w * s > T].

    Attributes:
        beta: share of the membrane kept from one step to the next, -1..1.
        reset: what a spike leaves behind; `full` clears at the end of each step, spike or not.
        strict: whether a membrane equal to theta stays silent.
        window: steps of one operand set; 1 for threshold gates.
        margin: T - theta in unit weights, 0..1.
        placement: `margin`, or `middle`: theta stands in the middle between the largest sum of the gate's weights that
            must not fire and the smallest that must, which is farther from both where sums leave gaps above 1.
        fraction_bits: what is kept of a potential is cut, toward zero, to multiples of 2^-bits unit weights, as a
            fixed-point membrane does; None keeps float64.
    """

    beta: float = 0.0
    reset: Reset = "full"
    strict: bool = False
    window: int = 1
    margin: float = 0.5
    placement: Placement = "margin"
    fraction_bits: int | None = None

    def __post_init__(self) -> None:
        if not -1.0 <= self.beta <= 1.0:
            raise NexusError(f"leak beta {self.beta} is outside -1..1")
        if self.reset not in RESETS:
            raise NexusError(f"reset '{self.reset}' is not one of {', '.join(RESETS)}")
        if self.window != 1:
            raise NexusError(f"window {self.window} is not 1, the only one that threshold gates run in")
        if not 0.0 <= self.margin <= 1.0:
            raise NexusError(f"threshold margin {self.margin} is outside 0..1")
        if self.placement not in ("margin", "middle"):
            raise NexusError(f"threshold placement '{self.placement}' is not one of margin, middle")
        if self.fraction_bits is not None and not 0 <= self.fraction_bits <= 32:
            raise NexusError(f"fraction_bits {self.fraction_bits} is outside 0..32")

    @property
    def exact(self) -> bool:
        """Whether a gate that starts from v = 0 computes [sum w * s >= T]."""
        if self.placement == "middle":
            return True
        return self.margin > 0 if self.strict else self.margin < 1

    @property
    def memoryless(self) -> bool:
        """Whether nothing of one step can reach the next."""
        return self.reset == "full" or self.beta == 0


MEMORYLESS = NeuronModel()


NoiseOn = Literal["membrane", "inputs", "active"]
SpreadShape = Literal["normal", "uniform"]
SpreadUnit = Literal["theta", "weight"]
NOISE_ON: tuple[NoiseOn, ...] = ("membrane", "inputs", "active")


@dataclass(frozen=True)
class NonIdealities:
    """v = beta * v_after + sum w * s + noise * sqrt(n) * N(0, 1);  spike = [v >= theta + spread * scale * D].

    n is 1 (`membrane`: noise once per neuron and step), the neuron's synapses (`inputs`: on every synapse), or those
    that carry a spike in this step (`active`). D is N(0, 1) (`normal`) or uniform on -1..1; the scale is theta
    (`theta`) or 1 (`weight`). Spikes are lost, appear or arrive twice on the axon, behind the membrane, which knows
    nothing of it. A stuck neuron gives the same answer in every step. A weight is stored as two's complement in 8 bits.
    Strobe and inputs are ideal; a synapse from them is a synapse.

    Attributes:
        noise: standard deviation sigma, in unit weights.
        noise_on: what the noise is drawn for.
        spread: how far thresholds are from where they should be.
        spread_shape: its distribution.
        spread_unit: what it is a share of.
        spread_fresh: drawn anew every step, instead of once for each neuron of each copy of the network (manufacture).
        lost: share of spikes that never arrive.
        spurious: share of silent steps in which a spike arrives all the same.
        repeated: share of spikes that arrive twice at all synapses, and are counted once.
        flipped: share of weights of which one bit, any of the 8, is flipped (manufacture).
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
    repeated: float = 0.0
    flipped: float = 0.0
    stuck_silent: float = 0.0
    stuck_firing: float = 0.0

    def __post_init__(self) -> None:
        for name in ("noise", "spread"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise NexusError(f"{name} {getattr(self, name)} is not a finite number of at least 0")
        for name in ("lost", "spurious", "repeated", "flipped", "stuck_silent", "stuck_firing"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise NexusError(f"{name} {getattr(self, name)} is outside 0..1")
        if self.stuck_silent + self.stuck_firing > 1.0:
            raise NexusError(f"stuck_silent {self.stuck_silent} and stuck_firing {self.stuck_firing} exceed 1 together")
        if self.lost + self.repeated > 1.0:
            raise NexusError(f"lost {self.lost} and repeated {self.repeated} exceed 1 together")
        for name, allowed in (
            ("noise_on", NOISE_ON),
            ("spread_shape", ("normal", "uniform")),
            ("spread_unit", ("theta", "weight")),
        ):
            if getattr(self, name) not in allowed:
                raise NexusError(f"{name} '{getattr(self, name)}' is not one of {', '.join(allowed)}")


IDEAL = NonIdealities()


def gap(weights: list[int], threshold: int, constant: int = 0) -> tuple[int, int]:
    """(largest sum below the threshold, smallest sum that reaches it) over all subsets of the weights.

    A side on which there is no sum is given as one unit from the threshold. `constant` is added to every sum.
    """
    low = sum(weight for weight in weights if weight < 0)
    sums = 1  # bit i: low + i can be had
    for weight in weights:
        sums |= sums << abs(weight)  # a negative weight left out stands one |weight| above the lowest sum
    place = threshold - constant - low
    below = sums & ((1 << max(place, 0)) - 1)
    above = sums >> max(place, 0)
    largest = below.bit_length() - 1 + low + constant if below else threshold - 1
    smallest = (above & -above).bit_length() - 1 + max(place, 0) + low + constant if above else threshold
    return largest, smallest


def thetas(network: ThresholdNetwork, model: NeuronModel) -> NDArray[np.float64]:
    """float64 [neurons]: physical thresholds, T - margin or, where the model says so, in the middle of each gap.

    The gaps are those of free inputs, the strobe firing in every step: they hold whatever the circuit computes.
    """
    if model.placement == "margin":
        return np.asarray(network.thresholds - np.float64(model.margin))
    return _middles(network)


@lru_cache(maxsize=32)
def _middles(network: ThresholdNetwork) -> NDArray[np.float64]:
    known: dict[tuple[tuple[int, ...], int, int], float] = {}
    found = np.empty(network.neurons)
    for k in range(network.neurons):
        sources, weights = network.synapses_of(k)
        constant = int(weights[sources == STROBE].sum())
        key = tuple(sorted(weights[sources != STROBE].tolist())), int(network.thresholds[k]), constant
        if key not in known:
            known[key] = sum(gap(list(key[0]), key[1], constant)) / 2
        found[k] = known[key]
    found.setflags(write=False)
    return found
