"""Which operators are LIF populations, and how, as a part of other configs."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lava_nexus.config.base import Config
from lava_nexus.errors import NexusError
from lava_nexus.nlspike import OPERATORS, Options, check_operator, operator

Choice = Literal["gates", "nls"]


def _operator(name: str) -> str:
    try:
        check_operator(name)
    except NexusError as error:
        raise ValueError(str(error)) from error
    return name


OperatorName = Annotated[str, AfterValidator(_operator)]


def _by_operator(value: Any) -> Any:
    """One word stands for all operators."""
    if not isinstance(value, str):
        return value
    if value not in get_args(Choice):
        raise ValueError("it must be gates or nls, or one of them by operator")
    return dict.fromkeys(OPERATORS, value)


class OperatorOptions(Config):
    """Options of one operator; see `nlspike.Options`, whose defaults are the published values."""

    bound: float | None = Field(default=None, ge=0.5, le=12)
    segments: int = Field(default=64, ge=1, le=1024)
    slope_bits: Literal[8, 16] = 8
    intercept_bits: Literal[8, 16] = 16
    grid_bits: int = Field(default=8, ge=4, le=12)
    single_ladder: bool = True
    steps: int = Field(default=8, ge=1, le=16)
    last_inclusive: bool = False
    in_fraction: int | None = Field(default=None, ge=4, le=12)

    @property
    def options(self) -> Options:
        """What operators take."""
        return Options(**self.model_dump())


class SpikeOptions(Config):
    """How linear layers are computed by spike counts.

    Attributes:
        steps: T, time steps of a count, a power of two.
        levels: L, most that one spike carries, a power of two; a count lies in -T L .. T L - 1.
        calibration: inputs on which the range of every layer's operand is taken.
    """

    steps: int = Field(default=4, ge=1, le=32)
    levels: int = Field(default=32, ge=1, le=1024)
    calibration: int = Field(default=32, ge=1)

    @model_validator(mode="after")
    def _power_of_two(self) -> SpikeOptions:
        product = self.steps * self.levels
        if product & (product - 1) or self.steps & (self.steps - 1) or not 2 <= product <= 1024:
            raise ValueError(
                f"steps {self.steps} and levels {self.levels} must be powers of two whose product is in 2..1024"
            )
        return self

    @property
    def bits(self) -> int:
        """Of a count, without its sign."""
        return (self.steps * self.levels).bit_length() - 1


class PopulationsConfig(Config):
    """What is done by LIF populations instead of gates.

    Attributes:
        nonlinear: `gates` or `nls`, for all or by operator (softmax, silu, gelu, rms_norm, layer_norm); those left
            out are gates.
        nls: options by operator.
        linear: linear layers exact by gates, or quantised as spike counts.
        spikes: options of the latter.
    """

    nonlinear: Annotated[dict[OperatorName, Choice], BeforeValidator(_by_operator)] = Field(default_factory=dict)
    nls: dict[OperatorName, OperatorOptions] = Field(default_factory=dict)
    linear: Literal["exact", "spikes"] = "exact"
    spikes: SpikeOptions = SpikeOptions()

    @model_validator(mode="after")
    def _operators_exist(self) -> PopulationsConfig:
        for name in self.nls:
            if name not in self.replaced:
                raise ValueError(f"options of 'nls.{name}' are given, but nonlinear has it as gates, not nls")
        for name, options in self.replaced.items():
            try:
                operator(name, 1, options)
            except NexusError as error:
                raise ValueError(str(error)) from error
        return self

    @property
    def replaced(self) -> dict[str, Options]:
        """Options by operator of those that are LIF populations."""
        names = [name for name in OPERATORS if self.nonlinear.get(name) == "nls"]
        return {name: self.nls.get(name, OperatorOptions()).options for name in names}

    @property
    def approximate(self) -> bool:
        """Whether anything is replaced."""
        return bool(self.replaced) or self.linear == "spikes"
