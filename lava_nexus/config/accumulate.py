"""What `scripts/accumulate_orders.py` reads: one linear layer in several orders of accumulation."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from lava_nexus.config.base import Config
from lava_nexus.config.names import EnergyModelName
from lava_nexus.layers.order import Accumulate


class Choice(Config):
    """One way to compute the layer.

    Attributes:
        accumulate: order of every sum.
        weights: whether weights are operands of the multipliers or constants of them.
        style: what the circuits are built for.
    """

    accumulate: Accumulate
    weights: Literal["operand", "constant"] = "operand"
    style: Literal["neurons", "energy"] = "neurons"


class Baseline(Config):
    """Counts of one multiply-accumulate that the others are held against.

    Attributes:
        name: what it is.
        source: where the counts come from.
        synops: SynOps.
        updates: neuron updates, all taken as active.
    """

    name: str
    source: str
    synops: int = Field(ge=0)
    updates: int = Field(ge=0)


class AccumulateConfig(Config):
    """A linear layer in FP32, tokens and weights from N(0, 1).

    Attributes:
        choices: a row each.
        baseline: counts to compare with.
        executor: what evaluates the neurons; counts come from it.
        tokens, inputs, outputs: size of the layer.
        counted: outputs of which neurons are run and counted, from the first; ULP are of all outputs, by the reference.
        energy_model: name of the constants, or a YAML file of them.
        seed: of inputs and weights.
        out: folder for results.
    """

    choices: tuple[Choice, ...] = Field(min_length=1)
    baseline: Baseline
    executor: Literal["bitsliced", "membrane"] = "membrane"
    tokens: int = Field(default=64, ge=1)
    inputs: int = Field(default=256, ge=1)
    outputs: int = Field(default=64, ge=1)
    counted: int = Field(default=2, ge=1)
    energy_model: EnergyModelName = "loihi1_pre_silicon"
    seed: int = Field(default=0, ge=0, lt=2**64)
    out: Path = Path("results/accumulate_orders")
