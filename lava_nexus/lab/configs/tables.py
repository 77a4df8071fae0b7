"""Configs of tables: circuits, orders of accumulation, energy, operators of LIF populations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lava_nexus.cluster import Cluster
from lava_nexus.config import Config
from lava_nexus.formats import FORMATS
from lava_nexus.lab.configs import EnergyModelName, FormatName, one_of
from lava_nexus.neurons.rules import LOIHI2
from lava_nexus.programs.order import Accumulate


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
        cluster: where choices are measured, see `lava_nexus.cluster`.
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
    cluster: Cluster = None
    out: Path = Path("results/accumulate_orders")


class TokenConfig(Config):
    """A token of a block with native products.

    Attributes:
        formats: of everything, norms and softmax among it.
        width, heads, hidden: of the block.
        keys: that the token sees, its own among them.
        gates: keys on which an exact sum by gates is counted.
    """

    formats: tuple[FormatName, ...] = Field(default=("float32", "bfloat16"), min_length=1)
    width: int = Field(default=256, ge=4)
    heads: int = Field(default=4, ge=1)
    hidden: int = Field(default=1024, ge=1)
    keys: int = Field(default=128, ge=2)
    gates: int = Field(default=2, ge=1)


class NativeCostsConfig(Config):
    """Square linear layers in native synapses, weights from N(0, 1 / size), activations from N(0, 1).

    Attributes:
        formats: a row each.
        size: inputs and outputs.
        rows: of activations.
        token: a token of a block, by operator; left out where there is none.
        energy_model: name of the constants, or a YAML file of them.
        seed: of weights and activations.
        cluster: where formats are measured, see `lava_nexus.cluster`.
        out: folder for results.
    """

    formats: tuple[FormatName, ...] = Field(min_length=1)
    token: TokenConfig | None = None
    size: int = Field(default=256, ge=1)
    rows: int = Field(default=64, ge=1)
    energy_model: EnergyModelName = "loihi1_pre_silicon"
    seed: int = Field(default=0, ge=0, lt=2**64)
    cluster: Cluster = None
    out: Path = Path("results/native/costs")


class CircuitTableConfig(Config):
    """A table of circuits.

    Attributes:
        operations: names; None for all there are.
        formats: of the operands, in the order of the table.
        bases: cells that the circuits are built of.
        styles: least neurons or least depth; where a basis has no choice, or both are the same network, one row.
        max_delay: largest synaptic delay; longer waits are relay neurons.
        inputs: operand sets drawn from N(0, 1) on which spikes are counted; 0 counts none.
        executor: what counts them; the membrane executor needs no lowering, which takes long for large networks.
        seed: of the operands.
        cluster: where circuits are measured, see `lava_nexus.cluster`.
        out: folder for results.
    """

    operations: tuple[str, ...] | None = None
    formats: tuple[FormatName, ...] = Field(default=tuple(FORMATS), min_length=1)
    bases: tuple[Literal["threshold", "nexus"], ...] = Field(default=("threshold", "nexus"), min_length=1)
    styles: tuple[Literal["neurons", "depth"], ...] = Field(default=("neurons",), min_length=1)
    max_delay: int = Field(default=LOIHI2.max_delay, ge=0)
    inputs: int = Field(default=4096, ge=0)
    executor: Literal["membrane", "bitsliced"] = "membrane"
    seed: int = Field(default=0, ge=0, lt=2**64)
    cluster: Cluster = None
    out: Path = Path("results/circuit_table")


Basis = Literal["threshold", "nexus"]
CIRCUITS = (
    *("and", "not", "xor", "mux", "full_adder"),
    *("add", "mul", "div", "reciprocal", "sqrt", "exp", "exp2", "log", "sigmoid", "tanh", "sin", "silu", "gelu"),
)
"""Rows of the energy table that are single circuits."""
SUBJECTS = (
    *CIRCUITS,
    *("rms_norm", "layer_norm", "linear_64", "linear_256", "linear_512", "embedding"),
    *("qkv", "scores", "softmax", "rope", "output", "attention", "up", "ffn_silu", "down", "feed_forward", "block"),
)
"""Rows of the energy table; a test holds them against what `lava_nexus.tables.energy` can run."""

Subject = Annotated[str, one_of(SUBJECTS, "this row does not exist")]


class EnergyTable(Config):
    """Rows of the published energy table, measured.

    Attributes:
        kind: which of the two this is.
        subjects: rows.
        format, basis, accumulate: of every circuit.
        operand_sets: of each row; a layer's row runs as many tokens.
        placements: files of placements on cores, by row; rows of single circuits.
        macs_at_most: a row runs fewer operand sets where they would be more multiply-accumulates than this.
    """

    kind: Literal["table"]
    subjects: tuple[Subject, ...] = Field(default=SUBJECTS, min_length=1)
    format: FormatName = "float32"
    basis: Basis = "threshold"
    accumulate: Accumulate = "sequential"
    operand_sets: int = Field(default=1024, ge=1)
    placements: dict[Subject, Path] = Field(default_factory=dict)
    macs_at_most: int = Field(default=4_000_000, ge=1)

    @model_validator(mode="after")
    def _placed_rows(self) -> EnergyTable:
        for row in self.placements:
            if row not in CIRCUITS:
                raise ValueError(f"row '{row}' takes no placement: those in files are of single circuits")
            if row not in self.subjects:
                raise ValueError(f"'placements' has the row '{row}', which is not among 'subjects'")
        return self


class PrecisionMap(Config):
    """One linear layer in every choice of arithmetic: energy a multiply-accumulate against error.

    Attributes:
        kind: which of the two this is.
        size: inputs and outputs of the layer.
        tokens: rows of operands.
        formats, bases, accumulate, weights, styles: each combination is a point, those left out that do not exist:
            constant weights go into rounded products, and the nexus basis has one style.
    """

    kind: Literal["precision"]
    size: int = Field(default=64, ge=1)
    tokens: int = Field(default=64, ge=1)
    formats: tuple[FormatName, ...] = ("float8_e4m3fn", "float8_e5m2", "float16", "bfloat16", "float32")
    bases: tuple[Basis, ...] = Field(default=("threshold", "nexus"), min_length=1)
    accumulate: tuple[Accumulate, ...] = Field(default=("sequential", "fma", "pairwise"), min_length=1)
    weights: tuple[Literal["operand", "constant"], ...] = Field(default=("operand", "constant"), min_length=1)
    styles: tuple[Literal["neurons", "depth", "energy"], ...] = Field(default=("neurons", "energy"), min_length=1)


class EnergyConfig(Config):
    """One measurement of energy.

    Attributes:
        measure: what.
        executor: what evaluates the circuits.
        activity: whether active neuron updates are told from idle ones, which takes longer.
        energy_model: name of the constants, or a YAML file of them.
        seed: of operands and weights.
        cluster: where rows are measured, see `lava_nexus.cluster`.
        out: folder for results.
    """

    measure: Annotated[EnergyTable | PrecisionMap, Field(discriminator="kind")]
    executor: Literal["bitsliced", "membrane"] = "bitsliced"
    activity: bool = True
    energy_model: EnergyModelName = "loihi1_pre_silicon"
    seed: int = Field(default=0, ge=0, lt=2**32)
    cluster: Cluster = None
    out: Path = Path("results/energy")


Section = Literal["errors", "sweeps", "primitives", "gates", "model"]
Size = Annotated[int, Field(ge=1, le=1024)]


class NlsTablesConfig(Config):
    """Tables and figures of the operators of LIF populations.

    Attributes:
        sections: errors beside published ones; sweeps of H, K, n, d; primitives with their bounds; costs against exact
            gates; the digits transformer by fraction replaced and by time steps.
        sizes: rows of softmax and of the norms.
        vectors: random rows of each size.
        points: of SiLU and GELU, evenly spaced on [-5, 5].
        samples: rows on which neurons run, for spikes and energy; an operand set of gates each.
        gate_sizes: rows of softmax and of the norms in the comparison with gates.
        images: of the digits' test split.
        energy_model: name of the constants, or a YAML file of them.
        seed: of all random operands.
        cluster: where rows are measured, see `lava_nexus.cluster`.
        out: folder for results.
    """

    sections: tuple[Section, ...] = Field(default=("errors", "sweeps", "primitives", "gates", "model"), min_length=1)
    sizes: tuple[Size, ...] = Field(default=(8, 64, 256), min_length=1)
    vectors: int = Field(default=4096, ge=1)
    points: int = Field(default=20_001, ge=2)
    samples: int = Field(default=8, ge=1)
    gate_sizes: tuple[Size, ...] = Field(default=(8, 64), min_length=1)
    images: int = Field(default=360, ge=1, le=360)
    energy_model: EnergyModelName = "loihi1_pre_silicon"
    seed: int = Field(default=0, ge=0, lt=2**64)
    cluster: Cluster = None
    out: Path = Path("results/nls/tables")

    def quick(self) -> NlsTablesConfig:
        """A small part of it."""
        small = {"sizes": (8,), "vectors": 64, "points": 501, "samples": 2, "gate_sizes": (8,), "images": 12}
        return self.model_copy(update=small)
