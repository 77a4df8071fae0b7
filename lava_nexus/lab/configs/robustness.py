"""Configs of what disturbs neurons: a sweep, chosen by its `kind`, and a set-up in which something is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.cluster import Cluster
from lava_nexus.config import Config
from lava_nexus.lab.configs import EnergyModelName, FormatName, one_of
from lava_nexus.lab.configs.execution import MembraneOptions
from lava_nexus.lab.published import published
from lava_nexus.lab.robustness.circuits import LOGIC

TableName = Annotated[str, one_of(published("robustness"), "this published table does not exist")]
LogicName = Annotated[str, one_of(LOGIC, "this circuit does not exist")]
OperationName = Annotated[str, one_of(OPERATIONS, "this operation does not exist")]
Bases = tuple[Literal["threshold", "nexus"], ...]
NoiseOns = tuple[Literal["membrane", "inputs", "active"], ...]
Sigma = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Beta = Annotated[float, Field(ge=-1, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]
FaultName = Literal["lost", "spurious", "repeated", "flipped", "stuck_silent", "stuck_firing"]


class Circuits(Config):
    """Which circuits a sweep runs.

    Attributes:
        logic: small circuits over plain bits.
        operations, formats: floating-point operators, every operation in every format.
        bases: cells that they are built of.
    """

    logic: tuple[LogicName, ...] = ()
    operations: tuple[OperationName, ...] = ()
    formats: tuple[FormatName, ...] = ()
    bases: Bases = Field(default=("nexus", "threshold"), min_length=1)

    @model_validator(mode="after")
    def _some(self) -> Circuits:
        if not self.logic and not (self.operations and self.formats):
            raise ValueError("there is no circuit: give logic, or operations and formats")
        return self


class BetaSweep(Circuits):
    """Accuracy against leak, reset and regime.

    Attributes:
        betas: shares of the membrane that are kept.
        resets: what a spike leaves behind.
        regimes: `reset` between operand sets, and `streaming`.
        streams: copies of the circuit that stream, which share the trials.
        table: published table beside which it stands, or None.
    """

    kind: Literal["beta"]
    betas: tuple[Beta, ...] = Field(min_length=1)
    resets: tuple[Literal["soft", "hard", "full"], ...] = Field(default=("soft", "hard", "full"), min_length=1)
    regimes: tuple[Literal["reset", "streaming"], ...] = Field(default=("reset", "streaming"), min_length=1)
    streams: int = Field(default=8, ge=1)
    table: TableName | None = "beta_scan"


class NoiseSweep(Circuits):
    """Accuracy against noise, beside theory.

    Attributes:
        sigmas: standard deviations in unit weights.
        noise_on: noise models.
        margin: distance of the threshold below T.
        theory_sets: operand sets over which the theory is averaged; 0 leaves it out.
        injections: single flips from which it learns how many are harmful.
        table: published table beside which it stands, or None.
    """

    kind: Literal["noise"]
    sigmas: tuple[Sigma, ...] = Field(min_length=1)
    noise_on: NoiseOns = Field(default=("membrane", "inputs", "active"), min_length=1)
    margin: float = Field(default=0.5, ge=0, lt=1)
    theory_sets: int = Field(default=256, ge=0)
    injections: int = Field(default=1000, ge=1)
    table: TableName | None = None


class SpreadSweep(Circuits):
    """Accuracy against threshold variation.

    Attributes:
        deltas: sizes of the spread.
        shapes, units, fresh: see `neurons.NonIdealities`; all combinations are run, each set on a copy of its own.
        table: published table beside which it stands, or None.
    """

    kind: Literal["spread"]
    deltas: tuple[Sigma, ...] = Field(min_length=1)
    shapes: tuple[Literal["normal", "uniform"], ...] = Field(default=("normal", "uniform"), min_length=1)
    units: tuple[Literal["theta", "weight"], ...] = Field(default=("theta", "weight"), min_length=1)
    fresh: tuple[bool, ...] = Field(default=(False, True), min_length=1)
    table: TableName | None = "threshold_variation"


class FaultSweep(Circuits):
    """Accuracy against faults of spikes, weights and neurons, each set on a copy of its own.

    Attributes:
        rates: shares 0..1.
        faults: which of them.
    """

    kind: Literal["faults"]
    rates: tuple[Share, ...] = Field(min_length=1)
    faults: tuple[FaultName, ...] = Field(default=get_args(FaultName), min_length=1)
    table: None = None


class CureSweep(Config):
    """What cures bring and cost, and the trade-off of precision, robustness and energy.

    Attributes:
        operation: what is cured.
        formats, bases: of it.
        sigmas: noise on the membrane.
        stuck: share of neurons that never fire, for cures against faults of manufacture.
        scales: factors on the weights of every neuron, as far as its limits let; 0 is as far as they let.
        copies: numbers of copies that vote, odd.
        retries: how often a result whose parity check fails is computed again at most.
        wanted: accuracy at which the tolerated noise is read off for the trade-off.
    """

    kind: Literal["cures"]
    operation: OperationName = "add"
    formats: tuple[FormatName, ...] = Field(default=("float8_e4m3fn",), min_length=1)
    bases: Bases = Field(default=("threshold",), min_length=1)
    sigmas: tuple[Sigma, ...] = Field(min_length=1)
    stuck: tuple[Share, ...] = ()
    scales: tuple[Annotated[int, Field(ge=0, le=127)], ...] = (2, 4, 0)
    copies: tuple[Annotated[int, Field(ge=3, le=31)], ...] = (3, 5)
    retries: int = Field(default=3, ge=1, le=100)
    wanted: float = Field(default=0.99, gt=0, lt=1)

    @model_validator(mode="after")
    def _odd(self) -> CureSweep:
        for copies in self.copies:
            if copies % 2 == 0:
                raise ValueError(f"copies {copies} is even: a vote of an even number can be a draw")
        return self


class DigitsSweep(Config):
    """Accuracy of the digits transformer.

    Attributes:
        formats, basis: of the model.
        images: of the test split, from the first.
        batch: images that pass together.
        sigmas: noise on the membrane.
        betas: leaks, with `reset` while images stream through one network, one operand set a step.
        reset: of the leak.
        streams: copies of every circuit while streaming.
        stuck: shares of neurons stuck silent.
        beta_formats, stuck_formats: in which leak and faults are run; None for all formats.
    """

    kind: Literal["digits"]
    formats: tuple[FormatName, ...] = Field(min_length=1)
    basis: Literal["threshold", "nexus"] = "threshold"
    images: int = Field(default=16, ge=1, le=360)
    batch: int = Field(default=16, ge=1)
    sigmas: tuple[Sigma, ...] = ()
    betas: tuple[Beta, ...] = ()
    reset: Literal["soft", "hard", "full"] = "soft"
    streams: int = Field(default=1024, ge=1)
    stuck: tuple[Share, ...] = ()
    beta_formats: tuple[FormatName, ...] | None = None
    stuck_formats: tuple[FormatName, ...] | None = None

    @model_validator(mode="after")
    def _some(self) -> DigitsSweep:
        if not (self.sigmas or self.betas or self.stuck):
            raise ValueError("there is nothing to sweep: give sigmas, betas or stuck")
        return self


class LavaSweep(Config):
    """The beta scan by Lava's own LIF, against the membrane executor.

    Attributes:
        logic, basis: circuits.
        betas: leaks; the chip's decay has 12 bits, so the nearest of (4096 - dv) / 4096 is taken.
        sets: operand sets, one a time step.
        timeout_seconds: wall time of one circuit after which it is ended with an error.
    """

    kind: Literal["lava"]
    logic: tuple[LogicName, ...] = Field(default=("and", "or", "xor"), min_length=1)
    basis: Literal["threshold", "nexus"] = "nexus"
    betas: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(min_length=1)
    sets: int = Field(default=200, ge=1)
    timeout_seconds: float = Field(default=120.0, gt=0, allow_inf_nan=False)


Sweep = Annotated[
    BetaSweep | NoiseSweep | SpreadSweep | FaultSweep | CureSweep | DigitsSweep | LavaSweep, Field(discriminator="kind")
]


class RobustnessConfig(Config):
    """One sweep.

    Attributes:
        title: of the report.
        sweep: what is swept.
        trials: operations a cell, over all seeds.
        seeds: how many; the deviation is over them.
        seed: the first one.
        energy_model: name of the constants, or a YAML file of them.
        cluster: where cells are measured, see `lava_nexus.cluster`.
        out: folder for results; cells that are finished stay there, in `cells`, and are not measured again.
    """

    title: str = "Robustness"
    sweep: Sweep
    trials: int = Field(default=10_000, ge=1)
    seeds: int = Field(default=10, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    energy_model: EnergyModelName = "loihi1_pre_silicon"
    cluster: Cluster = None
    out: Path = Path("results/robustness")

    @model_validator(mode="after")
    def _enough(self) -> RobustnessConfig:
        if self.trials < self.seeds:
            raise ValueError(f"trials {self.trials} are fewer than seeds {self.seeds}")
        return self


class DiagnoseConfig(Config):
    """A set-up to be checked against known signatures of failure.

    Attributes:
        membrane: how its neurons differ from ideal ones.
        format, basis: of its circuits.
        gates: single gates that are tried.
        sigma: noise at which gates are tried, whatever `membrane.noise` says.
        gate_accuracy: least share of right answers of a gate at that noise.
        operations: simple operations whose distance from the right result is taken.
        mean_ulp: largest mean distance.
        losses: loss curve of a training: JSON with a list `losses` (as scripts/train_digits.py writes it), or text with
            a number a line or a column `loss`; None where there is none.
        rise: a loss that ends above this multiple of its minimum has diverged.
        trials: operand sets a check.
        seed: of operands and noise.
        out: folder for the diagnosis.
    """

    membrane: MembraneOptions = MembraneOptions()
    format: FormatName = "float32"
    basis: Literal["threshold", "nexus"] = "threshold"
    gates: tuple[LogicName, ...] = ("and", "or", "xor")
    sigma: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    gate_accuracy: float = Field(default=0.98, gt=0, le=1)
    operations: tuple[OperationName, ...] = ("add", "mul")
    mean_ulp: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    losses: Path | None = None
    rise: float = Field(default=2.0, gt=1, allow_inf_nan=False)
    trials: int = Field(default=4000, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**64)
    out: Path = Path("results/diagnosis")
