"""Numbers as spikes of integrate-and-fire neurons over T steps, and back by a weighted sum of the spikes.

v(0) = scale * x + offset
v(t) = gain * v(t - 1) + drive * x + ramp;  spike(t) = [v(t) >= 1];  v(t) -= spike(t)            for t = 1..T
x'   = sum over t of kernel(t) * spike(t)

for x in 0..1: rate, stochastic rate, first spike and temporal bits are choices of these constants (`SpikeCode`). A
spike that would be worth nothing, kernel(t) = 0, is not sent. Signed numbers up to a largest magnitude take two
neurons, one for what is positive and one for negative (`SignedCode`). These neurons have memory, and one number takes
T steps, where spatial bits take one step and a neuron a bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError

MOST_BITS = 48  # float64 holds the membrane of so many doublings exactly enough


@dataclass(frozen=True, eq=False)
class SpikeCode:
    """One code; the module's docstring has the equations.

    Attributes:
        name: "rate", "stochastic_rate", "first_spike" or "temporal_bit".
        kernel: float64 [steps], what a spike at each step is worth.
        scale, offset: share of x, and constant, on the membrane at the start.
        gain: what the membrane is multiplied by each step.
        drive: share of x that flows in each step.
        ramp: constant that flows in each step.
        once: silent after the first spike.
        random: a spike with probability x at each step, in place of the membrane (a Bernoulli process).
    """

    name: str
    kernel: NDArray[np.float64]
    scale: float = 0.0
    offset: float = 0.0
    gain: float = 1.0
    drive: float = 0.0
    ramp: float = 0.0
    once: bool = False
    random: bool = False

    @property
    def steps(self) -> int:
        """Time steps of one number, T."""
        return len(self.kernel)

    def encode(self, values: ArrayLike, seed: int = 0) -> NDArray[np.uint8]:
        """Numbers of shape (...) to spikes of shape (T, ...); what lies outside 0..1 saturates.

        Args:
            seed: of a random code; others do not look at it.

        Raises:
            NexusError: a value is NaN.
        """
        x = np.asarray(values, np.float64)
        if np.isnan(x).any():
            raise NexusError(f"a value is NaN, which the code '{self.name}' has no spikes for")
        x = np.clip(x, 0.0, 1.0)
        spikes = np.zeros((self.steps, *x.shape), np.uint8)
        if self.random:
            draws = np.random.default_rng(seed).random(spikes.shape)
            return np.less(draws, x, out=spikes, casting="unsafe")
        membrane = self.scale * x + self.offset
        for step in range(self.steps):
            membrane = self.gain * membrane + self.drive * x + self.ramp
            fired = (membrane >= 1.0) & (self.kernel[step] > 0)
            spikes[step] = fired
            membrane = np.where(fired, -np.inf if self.once else membrane - 1.0, membrane)
        return spikes

    def decode(self, spikes: NDArray[Any]) -> NDArray[np.float64]:
        """Spikes of shape (T, ...) to numbers of shape (...).

        Raises:
            NexusError: the first axis is not T long.
        """
        if spikes.ndim == 0 or len(spikes) != self.steps:
            raise NexusError(
                f"spikes of shape {spikes.shape} do not begin with the {self.steps} steps of code '{self.name}'"
            )
        return np.asarray(np.tensordot(self.kernel, spikes.astype(np.float64), axes=1))


def rate(steps: int) -> SpikeCode:
    """round(T x) spikes in T steps: a neuron with a constant input and a membrane that starts half full."""
    return SpikeCode("rate", np.full(steps, 1.0 / steps), offset=0.5, drive=1.0)


def stochastic_rate(steps: int) -> SpikeCode:
    """A spike with probability x at each of T steps."""
    return SpikeCode("stochastic_rate", np.full(steps, 1.0 / steps), random=True)


def first_spike(steps: int) -> SpikeCode:
    """One spike, after round((1 - x) (T - 1)) silent steps: a ramp lifts the membrane to the threshold; none for 0."""
    ramp = 1.0 / (steps - 1)
    return SpikeCode("first_spike", 1.0 - np.arange(steps) * ramp, scale=1.0, offset=-0.5 * ramp, ramp=ramp, once=True)


def temporal_bit(steps: int) -> SpikeCode:
    """The T bits of round(x (2^T - 1)), the largest first, a step each: the membrane doubles, a spike takes 1 off."""
    if steps > MOST_BITS:
        raise NexusError(f"code 'temporal_bit' with {steps} steps is over its limit of {MOST_BITS}")
    levels = 2.0**steps - 1.0
    kernel = 2.0 ** np.arange(steps - 1, -1, -1) / levels
    return SpikeCode("temporal_bit", kernel, scale=levels / 2.0**steps, offset=0.5 / 2.0**steps, gain=2.0)


CODES: dict[str, Callable[[int], SpikeCode]] = {
    f.__name__: f for f in (rate, stochastic_rate, first_spike, temporal_bit)
}


def code_named(name: str, steps: int) -> SpikeCode:
    """The code of that name over T steps.

    Raises:
        NexusError: there is none of that name, or T is below 2 or more than the code can hold.
    """
    if name not in CODES:
        raise NexusError(f"code '{name}' does not exist; choose one of {', '.join(CODES)}")
    if steps < 2:
        raise NexusError(f"code '{name}' with {steps} steps is below its least of 2")
    return CODES[name](steps)


@dataclass(frozen=True)
class SignedCode:
    """x = high * (code(max(x, 0) / high) - code(max(-x, 0) / high)).

    Attributes:
        code: of magnitudes in 0..1.
        high: largest magnitude; what is beyond saturates.
        seed: of a random code.
    """

    code: SpikeCode
    high: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.high < np.inf:
            raise NexusError(f"largest magnitude {self.high} of code '{self.code.name}' is not a positive number")

    def encode(self, values: ArrayLike) -> NDArray[np.uint8]:
        """Numbers of shape (...) to spikes of shape (T, 2, ...): axis 1 is positive, negative."""
        x = np.asarray(values, np.float64) / self.high
        return self.code.encode(np.stack([x, -x]), self.seed)

    def decode(self, spikes: NDArray[Any]) -> NDArray[np.float64]:
        """Spikes of shape (T, 2, ...) to numbers of shape (...)."""
        positive, negative = self.code.decode(spikes)
        return np.asarray(self.high * (positive - negative))

    def synaptic_sums(self, spikes: NDArray[Any], weight: NDArray[Any]) -> NDArray[np.float64]:
        """What neurons behind synapses of these weights hold after T steps: sum over k of x'[..., k] * weight[n, k].

        Each step adds the weights of the synapses that a spike arrives at, times what a spike at that step is worth;
        the negative neuron's synapses have the opposite sign.

        Shapes: spikes (T, 2, ..., inputs), weight [outputs, inputs], sums (..., outputs).
        """
        membrane = np.zeros((*spikes.shape[2:-1], len(weight)))
        columns = weight.astype(np.float64).T
        for worth, (positive, negative) in zip(self.code.kernel, spikes, strict=True):
            membrane += worth * ((positive.astype(np.float64) - negative) @ columns)
        return self.high * membrane
