"""Where each microjoule of a token goes: a block with native products by operator, attention's products three ways."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.cluster import ClusterConfig
from lava_nexus.energy import EnergyModel
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.native.costs import Cost, layer_costs, pair_costs, total
from lava_nexus.execute.run import run
from lava_nexus.execute.tallies import Tally
from lava_nexus.formats import FloatFormat, format_named
from lava_nexus.lab.configs.tables import TokenConfig
from lava_nexus.lab.report import Table
from lava_nexus.lab.spread import spread
from lava_nexus.models.model import random_model
from lava_nexus.models.stages import forward_stages
from lava_nexus.models.transformer import Model
from lava_nexus.populations.native.limbs import Limbs
from lava_nexus.populations.native.pairs import Pairs
from lava_nexus.programs import Program, Writer
from lava_nexus.programs.native import PairLayer
from lava_nexus.programs.order import Operators

Patterns = np.ndarray[Any, Any]
_MICRO = 1e6


@dataclass(frozen=True)
class Variant:
    """How the block computes.

    Attributes:
        format: of everything, norms and softmax among it.
        operators: see `programs.Writer`.
        silu: its four steps or one circuit.
        style: what circuits are built for.
    """

    format: str
    operators: Operators
    silu: Literal["steps", "fused"]
    style: Literal["neurons", "depth"]

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.operators}, SiLU {self.silu}, circuits for {self.style}"


@dataclass(frozen=True)
class Token:
    """One variant's token; microjoules of work.

    Attributes:
        variant: what was run.
        parts: (kind, layer, SynOps, active updates), each in microjoules.
        idle: updates in which nothing happens, each neuron in the windows that are its own.
        steps: of the layer, one operation after the other.
    """

    variant: Variant
    parts: list[tuple[str, str, float, float]]
    idle: float
    steps: int

    @property
    def work(self) -> float:
        """All parts."""
        return sum(synops + active for _, _, synops, active in self.parts)

    def of_kind(self, *kinds: str) -> float:
        """Parts of some kinds."""
        return sum(synops + active for kind, _, synops, active in self.parts if kind in kinds)


def token_tables(
    config: TokenConfig, model: EnergyModel, seed: int, cluster: ClusterConfig | None = None
) -> list[Table]:
    """Tokens of all variants, where the energy of the last one of each format goes, attention three ways."""
    ways: tuple[tuple[Operators, Literal["steps", "fused"], Literal["neurons", "depth"]], ...] = (
        *(("steps", "steps", "neurons"), ("shared", "steps", "neurons")),
        *(("shared", "fused", "depth"), ("deferred", "fused", "depth")),
    )
    variants = [Variant(fmt, *how) for fmt in config.formats for how in ways]
    tokens = spread(cluster, _of_variant, (config, model, seed), variants, "a token of the block", "variants")
    kinds = ("linear", "attention", "norm", "softmax", "activation", "rotary", "residual")
    header = ("format", "operators", "work, uJ", *(f"{kind}, uJ" for kind in kinds), "idle, uJ", "steps")
    rows = [
        [
            t.variant.format,
            t.variant.name,
            f"{t.work:,.0f}",
            *(f"{t.of_kind(kind):,.1f}" for kind in kinds),
            f"{t.idle:,.0f}",
            f"{t.steps:,}",
        ]
        for t in tokens
    ]
    sizes = f"width {config.width}, {config.heads} heads, hidden {config.hidden}, {config.keys} keys"
    text = (
        "Work: SynOps and active updates, nothing placed. Idle: updates of neurons in which nothing comes or fires, in "
        "the windows in which they are used. Keys and values of earlier tokens stand in their neurons; the token's own "
        "are written. Steps: the longest path through the layer."
    )
    tables = [Table(f"A token of the block ({sizes})", header, rows, "token.csv", text)]
    for fmt in config.formats:
        token = next(t for t in tokens if t.variant.format == fmt and t.variant.operators == "shared")
        tables.append(_parts_table(token))
    return [*tables, _ways_table(config, model, seed, cluster)]


def _of_variant(given: tuple[TokenConfig, EnergyModel, int], variant: Variant) -> Token:
    return token_of(variant, *given)


def token_of(variant: Variant, config: TokenConfig, model: EnergyModel, seed: int) -> Token:
    """A token behind `keys - 1` others, hidden state, keys and values from N(0, 1)."""
    program = block_program(variant, config, seed)
    rng = np.random.default_rng(seed)
    feeds = {}
    for name, value in program.inputs.items():
        drawn = rng.standard_normal(value.shape)
        if name in ("cos", "sin"):
            drawn = getattr(np, name)(np.arange(value.shape[-1]) + np.zeros(value.shape))
        own = value.float_format
        feeds[name] = own.to_patterns(drawn.astype(own.dtype))[None]
    executor = BitslicedExecutor(count="activity")
    result = run(program, feeds, executor=executor)
    parts: list[tuple[str, str, float, float]] = []
    idle = 0
    for layer, tallies in result.layers.items():
        kind = program.kinds.get(layer, "residual")
        parts.append((kind, layer.partition(".")[2], *_joules(tallies, model)))
        idle += sum(tally.updates - (tally.active or 0) for tally in tallies)
    return Token(variant, parts, _MICRO * idle * model.joules("neuron_update_inactive"), program.depth)


def block_program(variant: Variant, config: TokenConfig, seed: int) -> Program:
    """The layer of the block as a program of one token."""
    keys = {
        "model_type": "nexus_block",
        "hidden_size": config.width,
        "num_attention_heads": config.heads,
        "intermediate_size": config.hidden,
        "num_hidden_layers": 1,
        "vocab_size": 256,
        "max_position_embeddings": max(1024, config.keys),
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
    }
    how: dict[str, Any] = {"format": variant.format, "norm_format": variant.format, "product": "native"}
    made = random_model(keys, seed, silu=variant.silu, **how)
    made = Model(made.spec, made.source, replace(made.arithmetic, operators=variant.operators, style=variant.style))
    stages = forward_stages(made.spec, 1, config.keys - 1, layers=(0, 1))
    (layer,) = (stage for stage in stages if stage.step == "layer 0")
    return layer.program(made.arithmetic, made.source)


def _joules(tallies: Iterable[Tally], model: EnergyModel) -> tuple[float, float]:
    """Microjoules of SynOps, and of active updates."""
    counted = [(tally.synops or 0, tally.active or 0) for tally in tallies]
    synops, active = (sum(column) for column in zip(*counted, strict=True)) if counted else (0, 0)
    joules = (synops * model.joules("synaptic_op"), active * model.joules("neuron_update_active"))
    return _MICRO * joules[0], _MICRO * joules[1]


def _parts_table(token: Token) -> Table:
    rows = [
        [
            kind,
            layer,
            f"{synops:.2f}",
            f"{active:.2f}",
            f"{synops + active:.2f}",
            f"{(synops + active) / token.work:.1%}",
        ]
        for kind, layer, synops, active in sorted(token.parts, key=lambda part: -part[2] - part[3])
        if synops + active > 0
    ]
    header = ("kind", "layer", "SynOps, uJ", "active updates, uJ", "work, uJ", "share")
    title = f"Where each microjoule goes, {token.variant.format} ({token.variant.name})"
    return Table(title, header, rows, f"where_{token.variant.format}.csv", printed=False)


def _ways_table(config: TokenConfig, model: EnergyModel, seed: int, cluster: ClusterConfig | None) -> Table:
    found = spread(cluster, _ways_of, (config, model, seed), config.formats, "attention", "formats")
    rows = [[fmt, *row] for fmt, of_format in zip(config.formats, found, strict=True) for row in of_format]
    header = ("format", "way", "queries by keys, uJ", "weights by values, uJ", "of it written, uJ", "steps, each")
    text = (
        "Gates: an exact sum in a register, counted on a few keys. Neurons: each key and value stands in one that "
        "takes digits; the default. Synapses: keys and values as weights; no public source says that a step can write "
        "a synapse's weight and delay from a payload, so that writing is not counted, and this way is not offered."
    )
    return Table("Attention's products three ways", header, rows, "attention.csv", text)


def _ways_of(given: tuple[TokenConfig, EnergyModel, int], fmt: str) -> list[list[str]]:
    return _ways(format_named(fmt), *given)


def _ways(fmt: FloatFormat, config: TokenConfig, model: EnergyModel, seed: int) -> list[list[str]]:
    """Rows of a format, of all heads."""
    rng = np.random.default_rng(seed)
    width, executor = config.width // config.heads, BitslicedExecutor(count="activity")

    def drawn(*shape: int) -> Patterns:
        return fmt.to_patterns(rng.standard_normal(shape).astype(fmt.dtype))

    query, key, value = drawn(1, width), drawn(config.keys, width), drawn(width, config.keys)
    weights = fmt.to_patterns(np.exp(-2 * np.abs(rng.standard_normal((1, config.keys)))).astype(fmt.dtype))
    factors = ((query, key, "row"), (weights, value, "term"))
    found: dict[str, list[Any]] = {"gates": [], "neurons": [], "synapses": []}
    for left, right, fresh in factors:
        scale = config.heads * right.size / (config.gates * right.shape[1])
        energy, steps = _gates(fmt, left, right[: config.gates], model)
        found["gates"].append((scale * energy, 0.0, steps))
        layer = PairLayer(Pairs(fmt, fmt, fmt, right.shape[1], right.shape[0]), fresh)  # type: ignore[arg-type]
        costs = pair_costs(layer, left[None], right[None], executor)
        energy, written = (config.heads * _work(cost, model) for cost in (total(costs), costs["cache"]))
        found["neurons"].append((energy, written, layer.depth))
        synapses = NativeLayer(Limbs(fmt, fmt, fmt, right, "attention"))
        energy = config.heads * _work(total(layer_costs(synapses, left, executor)), model)
        found["synapses"].append((energy, 0.0, synapses.depth))
    return [
        [way, f"{a[0]:,.1f}", f"{b[0]:,.1f}", f"{a[1] + b[1]:.1f}" if way == "neurons" else "-", f"{a[2]:,}, {b[2]:,}"]
        for way, (a, b) in found.items()
    ]


def _work(cost: Cost, model: EnergyModel) -> float:
    return _MICRO * (cost.synops * model.joules("synaptic_op") + cost.active * model.joules("neuron_update_active"))


def _gates(fmt: FloatFormat, left: Patterns, right: Patterns, model: EnergyModel) -> tuple[float, int]:
    """(microjoules, steps) of an exact sum for each row of the right factor."""
    program = Program("gates")
    w = Writer(program, fmt, accumulate="exact").inside("attention")
    x, y = program.input("x", left.shape, fmt), program.input("y", right.shape, fmt)
    program.outputs["out"] = w.contract(x, y)
    result = run(program, {"x": left[None], "y": right[None]}, executor=BitslicedExecutor(count="activity"))
    return sum(_joules(result.tallies, model)), program.depth
