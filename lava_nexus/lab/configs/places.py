"""Configs of what leaves the package: a circuit for other tools, a block or a model on chips."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from lava_nexus.cluster import Cluster
from lava_nexus.config import Config
from lava_nexus.lab.configs import ChipName, EnergyModelName, FormatName, StrategyText
from lava_nexus.neurons.rules import LOIHI2
from lava_nexus.programs.order import Operators


class ExportConfig(Config):
    """One circuit for other tools.

    Attributes:
        operation, format, to, basis, options: of the circuit.
        max_delay: largest synaptic delay; netx and SANA-FE files have none at all, whatever this is.
        files: which to write.
        operand_sets: random sets that the VCD trace and the SANA-FE file stream, one a step.
        seed: of the operands.
        out: folder for the files.
    """

    operation: str
    format: FormatName = "float32"
    to: FormatName | None = None
    basis: Literal["threshold", "nexus"] = "threshold"
    options: dict[str, Any] = Field(default_factory=dict)
    max_delay: int = Field(default=LOIHI2.max_delay, ge=0, le=LOIHI2.max_delay)
    files: tuple[Literal["nir", "netx", "verilog", "vcd", "sanafe"], ...] = Field(
        default=("nir", "netx", "verilog", "vcd"), min_length=1
    )
    operand_sets: int = Field(default=16, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    out: Path = Path("results/export")


Where = Literal["chip", "host"]


class ShapeConfig(Config):
    """Sizes of a pre-norm decoder with RMSNorm.

    Attributes:
        d_model: width of the residual stream.
        heads, kv_heads, head_dim: of attention; kv_heads divides heads.
        hidden: width inside the feed-forward part.
        gated: down(silu(gate) * up) if so, else down(silu(up)).
        rotary: whether queries and keys are rotated.
        query_key_norm: whether each head's queries and keys are normed.
        layers: how many.
        vocabulary: rows of the head; 0 for layers alone.
    """

    d_model: int = Field(ge=2)
    heads: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    head_dim: int = Field(ge=2)
    hidden: int = Field(ge=1)
    gated: bool = True
    rotary: bool = True
    query_key_norm: bool = False
    layers: int = Field(default=1, ge=1)
    vocabulary: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _known(self) -> ShapeConfig:
        if self.query_key_norm and not self.gated:
            raise ValueError("query_key_norm is of gated layers; set gated: true")
        return self


class MemoryConfig(Config):
    """What is kept on the chip, and what the host feeds in when it is needed; `words`: what holds them there."""

    registers: Where = "chip"
    weights: Where = "host"
    cache: Where = "host"
    words: Literal["gates", "neurons"] = "gates"


class MapBlockConfig(Config):
    """A token of a block or a model on chips.

    Attributes:
        name: for the report.
        shape: what is mapped: a decoder of these sizes,
        architecture: or a model, by keys and values of its config.json.
        context: tokens that the token sees, itself among them.
        form: circuits shared by strategy; or beside these the whole decoder as one network that runs by itself.
        format, basis: of every circuit.
        product: native where linear layers are the chip's synapses; None for gates.
        operators: of norms and softmax: every operation rounded, or "shared" roots and divisions, with native products;
            "deferred" multiplies the root of RMSNorm in behind linear layers.
        silu: in four rounded operations, or by one circuit.
        style: what circuits are built for: least neurons or least depth.
        pace: what instances beside native layers are shared out for: fewest steps of a token, or from one to the next.
        norm_format: inside norms, softmax and SiLU where it is wider than `format`; None for float32.
        chip: name of a chip that comes with the package, or a YAML file.
        strategies: `unrolled`, `folded: k`, `fit: chips=n`; the first one is drawn and described in full.
        max_delay: largest synaptic delay; None takes for each circuit the one that needs fewest cores.
        memory: what is kept on the chip.
        curve: points of the trade-off curve.
        sets: operand sets on which spikes are counted.
        seed: of operands and partitions.
        energy_model: name of the constants, or a YAML file of them.
        published: key of the published count of neurons.
        cluster: where circuits are placed, see `lava_nexus.cluster`.
        out: folder for results.
    """

    name: str
    shape: ShapeConfig | None = None
    architecture: dict[str, Any] | None = None
    context: int = Field(default=1, ge=1)
    form: Literal["shared", "autonomous"] = "shared"
    format: FormatName = "float32"
    basis: Literal["threshold", "nexus"] = "threshold"
    product: Literal["native"] | None = None
    operators: Operators = "steps"
    silu: Literal["steps", "fused"] = "steps"
    style: Literal["neurons", "depth"] = "neurons"
    pace: Literal["single", "streamed"] = "single"
    norm_format: FormatName | None = None
    chip: ChipName = "loihi2"
    strategies: tuple[StrategyText, ...] = Field(default=("fit: chips=1", "unrolled"), min_length=1)
    max_delay: int | None = Field(default=None, ge=0)
    memory: MemoryConfig = MemoryConfig()
    curve: int = Field(default=12, ge=2, le=100)
    sets: int = Field(default=256, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**31)
    energy_model: EnergyModelName = "loihi2"
    published: str | None = None
    cluster: Cluster = None
    out: Path = Path("results/map_block")

    @model_validator(mode="after")
    def _one_model(self) -> MapBlockConfig:
        if (self.shape is None) == (self.architecture is None):
            raise ValueError("it must have one of 'shape' and 'architecture'")
        return self
