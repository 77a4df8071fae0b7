"""Figures of a sweep over a grid: logic circuits with a line a model, operators with a line a format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lava_nexus.lab.configs.robustness import BetaSweep, FaultSweep, RobustnessConfig, SpreadSweep
from lava_nexus.lab.figures.robustness import Series, accuracy_figure
from lava_nexus.lab.robustness.grids import Row

_X = {
    "sigma": "noise, sigma in unit weights",
    "beta": "leak beta",
    "delta": "threshold spread, delta",
    "rate": "share of spikes, weights or neurons",
}


def grouped(rows: Sequence[Row]) -> dict[tuple[str, str], dict[str, list[Row]]]:
    """Rows by (circuit, basis), then by model."""
    found: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in rows:
        models = found.setdefault((row.entry.name, row.entry.basis), {})
        models.setdefault(row.entry.model, []).append(row)
    return found


def _looks(config: RobustnessConfig) -> dict[str, str]:
    """What kinds of line mean."""
    if isinstance(config.sweep, BetaSweep):
        return {"line": "nexus basis", "dashed": "threshold basis"} if len(config.sweep.bases) > 1 else {}
    if isinstance(config.sweep, SpreadSweep) and len(config.sweep.fresh) > 1:
        return {"line": "drawn anew every step", "ring": "fixed by manufacture"}
    if isinstance(config.sweep, FaultSweep):
        return {"line": "of spikes and weights", "ring": "of neurons"}
    return {}


def _logic_panels(
    config: RobustnessConfig, logic: Mapping[tuple[str, str], Mapping[str, Sequence[Row]]]
) -> tuple[list[tuple[str, list[Series]]], int]:
    """Panels of logic circuits and how many stand in a row: under leak one a circuit, else one a circuit and basis."""
    names = list(dict.fromkeys(name for name, _ in logic))
    if isinstance(config.sweep, BetaSweep):
        looks = {basis: "dashed" if basis != "nexus" and len(config.sweep.bases) > 1 else "line" for _, basis in logic}
        panels = [
            (name, [_series(model, rows, look=looks[basis]) for (of, basis), models in logic.items() if of == name
                    for model, rows in models.items()])
            for name in names
        ]  # fmt: skip
        return panels, len(panels)
    ordered = sorted(logic.items(), key=lambda item: item[0][1] != "nexus")
    if isinstance(config.sweep, SpreadSweep):
        fresh = {True: "line", False: "ring"} if len(config.sweep.fresh) > 1 else {True: "line", False: "line"}
        return [
            (f"{name}, {basis}", [_series(model.rpartition(", ")[0], rows, look=fresh[model.endswith("fresh")])
                                  for model, rows in models.items()])
            for (name, basis), models in ordered
        ], len(names)  # fmt: skip
    faults = isinstance(config.sweep, FaultSweep)  # a stuck neuron is as wrong as its spikes all lost or made up
    return [
        (f"{name}, {basis}", [_series(model, rows, look="ring" if faults and model.startswith("stuck") else "line")
                              for model, rows in models.items()])
        for (name, basis), models in ordered
    ], len(names)  # fmt: skip


def _series(label: str, rows: Sequence[Row], own: bool = False, look: str = "line") -> Series:
    return Series(
        label,
        [(r.entry.value, r.measured.accuracy, r.measured.deviation) for r in rows],
        [(r.entry.value, r.predicted.masked) for r in rows if r.predicted],
        [(r.entry.value, r.printed.accuracy, r.printed.deviation) for r in rows if r.printed],
        own,
        look,
    )


def draw(config: RobustnessConfig, rows: Sequence[Row], out: Path) -> list[tuple[str, str]]:
    """Figures: logic circuits with a line a model; operators, a figure a basis, with a line a format."""
    groups = grouped(rows)
    x_label, log = _X[rows[0].entry.parameter], rows[0].entry.parameter == "rate"
    drawn = []
    logic = {key: models for key, models in groups.items() if " " not in key[0]}
    if logic:
        accuracy_figure(*_logic_panels(config, logic), config.title, x_label, out / "logic.png", log=log,
                        looks=_looks(config))  # fmt: skip
        drawn.append(("logic.png", config.title))
    for basis in dict.fromkeys(basis for name, basis in groups if " " in name):
        mine = {name: models for (name, on), models in groups.items() if on == basis and " " in name}
        operations = list(dict.fromkeys(name.split()[0] for name in mine))
        models = list(next(iter(mine.values())))
        panels = [
            (
                f"{operation}, {model}",
                [
                    _series(name.split()[1], by[model], own=True)
                    for name, by in mine.items()
                    if name.split()[0] == operation
                ],
            )
            for operation in operations
            for model in models
        ]
        title = f"{config.title}, {basis} basis"
        accuracy_figure(panels, len(models), title, x_label, out / f"operators_{basis}.png", log=log)
        drawn.append((f"operators_{basis}.png", title))
    return drawn
