"""The linear layer of the component table, forward and backward, in codes that take time."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.config.ulp_tables import UlpTablesConfig
from lava_nexus.encodings import SignedCode, SpikeCode, code_named
from lava_nexus.executors.interpret import run_program
from lava_nexus.executors.reference import ReferenceExecutor
from lava_nexus.formats import FLOAT32, UlpSummary, summarise
from lava_nexus.tables.components import Feeds, component_feeds, component_program
from lava_nexus.tables.exact import rounded_once
from lava_nexus.tables.published_models import PublishedRow, published_row
from lava_nexus.tables.section import Section

TOGETHER = "forward + backward"
_HEADER = ("code", "T", "part", "max ULP", "mean ULP", "0 ULP, %", "published max", "published mean", "published 0 ULP")


def coded_linear_section(codes: tuple[str, ...], steps: int, config: UlpTablesConfig) -> Section:
    """ULP of every part in every code against the strict reference, on the first of the config's numbers of inputs."""
    fmt = config.float_format
    problems = ceil(min(config.inputs) / (config.tokens * config.width))
    feeds = component_feeds("linear", config, problems)
    patterns = {key: fmt.to_patterns(values) for key, values in feeds.items()}
    strict = run_program(component_program("linear", config), patterns, ReferenceExecutor()).outputs
    shown, values = [], []
    for name in codes:
        found = {part: rounded_once(y, fmt) for part, y in coded_linear(feeds, code_named(name, steps)).items()}
        parts = {part: (found[part], strict[part]) for part in found}
        joined = [np.concatenate([pair[side].ravel() for pair in parts.values()]) for side in (0, 1)]
        printed = published_row("coded_linear", name=name) if fmt == FLOAT32 else None
        for part, (ours, right) in {TOGETHER: joined, **parts}.items():
            ulp = summarise(ours, right, fmt)
            beside = printed if part == TOGETHER else None
            shown.append(_shown(name, steps, part, ulp, beside))
            values.append(_values(name, steps, part, ulp, beside))
    source = published_row("coded_linear", name="rate")
    notes = [
        f"x and dy are spikes over {steps} steps, the largest magnitude of each known beforehand; membranes are "
        f"float64, rounded to {fmt} once. Compared with the strict reference on the component table's inputs.",
        *([f"Published: {source.source}."] if source else []),
    ]
    return Section("coded_linear", "The linear layer in codes that take time", _HEADER, shown, values, notes=notes)


def coded_linear(feeds: Feeds, code: SpikeCode, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Every problem's y, dx, dweight and dbias, with x and dy as spikes of a code.

    The gradient of the weight multiplies two coded tensors: what x's spikes mean is summed over dy's.
    """
    x, dy = (
        SignedCode(code, float(np.abs(feeds[key].astype(np.float64)).max()), seed + i)
        for i, key in enumerate(("x", "dy"))
    )
    parts: dict[str, list[Any]] = {"forward": [], "grad x": [], "grad weight": [], "grad bias": []}
    for i in range(len(feeds["x"])):
        weight = feeds["weight"][i].astype(np.float64)
        x_spikes, dy_spikes = x.encode(feeds["x"][i]), dy.encode(feeds["dy"][i])
        parts["forward"].append(x.synaptic_sums(x_spikes, weight) + feeds["bias"][i].astype(np.float64))
        parts["grad x"].append(dy.synaptic_sums(dy_spikes, weight.T))
        by_output = np.swapaxes(dy_spikes, -1, -2)
        parts["grad weight"].append(dy.synaptic_sums(by_output, x.decode(x_spikes).T))
        parts["grad bias"].append(dy.decode(dy_spikes).sum(axis=0))
    return {part: np.stack(arrays) for part, arrays in parts.items()}


def _shown(name: str, steps: int, part: str, ulp: UlpSummary, printed: PublishedRow | None) -> list[Any]:
    beside = [printed[c] if printed else None for c in ("max", "mean", "zero_percent")]
    measured = (f"{ulp.max:,}", f"{ulp.mean:,.3g}", f"{100 * ulp.zero_rate:.1f}")
    return [name, steps, part, *measured, *("-" if f is None else str(f) for f in beside)]


def _values(name: str, steps: int, part: str, ulp: UlpSummary, printed: PublishedRow | None) -> dict[str, Any]:
    beside = {f"published_{k}": f"{f.sign}{f.value:g}" for k, f in printed.figures.items()} if printed else {}
    return {"code": name, "steps": steps, "part": part, **ulp.as_dict(), **beside}
