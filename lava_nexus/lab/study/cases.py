"""The cases of a study: formats and sums, then populations by operator, by option and by share of layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lava_nexus.formats import FLOAT32, as_format
from lava_nexus.lab.configs.study import Name, StudyConfig
from lava_nexus.lab.study.decoder import Way
from lava_nexus.models.model import Model
from lava_nexus.populations import Options
from lava_nexus.populations.catalogue import Nonlinear

OPERATORS: tuple[Name, ...] = ("softmax", "silu", "rms_norm")


@dataclass(frozen=True)
class Case:
    """One run over the whole text.

    Attributes:
        name: unique.
        group: the table that it stands in.
        way: how it is computed.
        facts: columns of its row.
    """

    name: str
    group: str
    way: Way
    facts: Mapping[str, Any]


def cases_of(config: StudyConfig, model: Model) -> Iterator[Case]:
    """Formats and sums, then populations by operator, by option and by share of layers."""
    yield Case("kernel float32", "formats", Way(), {"format": "float32", "sums": "PyTorch's product", "sums in": "-"})
    for fmt, sums, inside in config.formats:
        form, wide = as_format(fmt), as_format(inside) if inside else None
        way = Way(sums, form, wide)  # type: ignore[arg-type]
        facts: dict[str, Any] = {"format": fmt, "sums": sums, "sums in": inside or fmt}
        yield Case(f"{sums} {fmt} {inside or ''}".strip(), "formats", way, facts)
    for names in _subsets() if config.operators else []:
        yield _replaced("+".join(names), "operators", dict.fromkeys(names, Options()), {"operators": ", ".join(names)})
    for name in OPERATORS:
        for key, value in _swept(config, name):
            changed = replace(Options(), **{key: value})
            facts = {"operator": name, "option": key, "value": value}
            yield _replaced(f"{name} {key}={value}", "options", {name: changed}, facts)
    layers = model.spec.layers
    finer = {name: replace(Options(), **config.finer.get(name) or {}) for name in OPERATORS}
    for label, options in (("published", dict.fromkeys(OPERATORS, Options())), ("finer", finer)):
        for names in (*((name,) for name in OPERATORS), OPERATORS):
            for share in config.shares:
                count = max(1, round(share * layers))
                chosen = ", ".join(names)
                facts = {"operators": chosen, "options": label, "layers": count, "share": count / layers}
                own = {name: options[name] for name in names}
                yield _replaced(f"{label} {'+'.join(names)} {count}", "layers", own, facts, _paths(count, layers))


def _subsets() -> list[tuple[str, ...]]:
    pairs = [(a, b) for i, a in enumerate(OPERATORS) for b in OPERATORS[i + 1 :]]
    return [*((name,) for name in OPERATORS), *pairs, OPERATORS]


def _swept(config: StudyConfig, name: str) -> Iterator[tuple[str, Any]]:
    """Options of an operator, one changed at a time: n, K and H, the steps of CORDIC, fraction bits of operands."""
    if name == "rms_norm":
        yield from (("steps", value) for value in config.steps)
    else:
        yield from (("segments", value) for value in config.segments)
        yield from (("bound", value) for value in config.bounds)
    yield from (("grid_bits", value) for value in config.grid_bits)
    yield from (("in_fraction", value) for value in config.in_fractions)


def _paths(count: int, layers: int) -> frozenset[str] | None:
    """Layers of the first `count` blocks, and the norm behind the last where all are taken; None for all."""
    if count == layers:
        return None
    inner = ("attention_norm", "feed_forward_norm", "attention.softmax", "feed_forward.activation")
    return frozenset(f"block{block}.{part}" for block in range(count) for part in inner)


def _replaced(
    name: str,
    group: str,
    options: Mapping[Any, Options],
    facts: Mapping[str, Any],
    layers: frozenset[str] | None = None,
) -> Case:
    return Case(name, group, Way(format=FLOAT32, nonlinear=Nonlinear(dict(options), layers)), facts)
