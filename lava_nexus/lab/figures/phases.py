"""Which part of a decoder that runs by itself is active when: phases of one token, and steps of each token."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.chip.autonomous.network import AutonomousNetwork, Phase
from lava_nexus.execute.autonomous import AutonomousRun
from lava_nexus.lab.figures import style

OF_ATTENTION = ("scores and their maximum", "exponentials and their sum", "weights and values")


def phase_names(network: AutonomousNetwork) -> list[str]:
    """What each phase does, in words: of pre-norm layers, each with three sums over positions."""
    levels = max((_level(phase) for phase in network.phases), default=0)
    layers = levels // len(OF_ATTENTION)
    found = []
    for phase in network.phases:
        kind, level = phase.name.split(" ")[0], _level(phase)
        layer, rest = divmod(level, len(OF_ATTENTION))
        if kind == "attention":
            found.append(f"layer {layer}: {OF_ATTENTION[rest]}")
        elif kind == "arithmetic" and not rest:
            before = [f"layer {layer - 1}: output, feed-forward"] if layer else []
            after = [f"layer {layer}: query, key, value"] if layer < layers else ["head"]
            found.append("; ".join([*before, *after]))
        else:
            found.append({"tables": "embedding, position", "choice": "largest logit"}.get(phase.name, phase.name))
    return found


def _level(phase: Phase) -> int:
    number = phase.name.rpartition(" ")[2]
    return int(number) if number.isdigit() else 0


def phases_figure(network: AutonomousNetwork, run: AutonomousRun, title: str, path: Path) -> Path:
    """A line for each kind of phase and a bar for each time it is active in the last token; steps of every token below.

    Args:
        network: that ran.
        run: a sequence of it.
        title: over the figure.
        path: PNG file.
    """
    names = phase_names(network)
    kinds = list(dict.fromkeys(names))
    begun = [one.step for one in run.entered if network.phases[one.phase].name == "tables"]
    height = 0.3 * len(kinds) + 3.9
    figure = style.titled(9.6, height, title, size=13)
    share = 0.3 * len(kinds) / height
    axes = figure.add_axes((0.43, 1 - share - 0.75 / height, 0.54, share))
    for one in run.entered:
        if one.step >= begun[-1] and not one.skipped:
            row = kinds.index(names[one.phase])
            axes.barh(
                row, network.phases[one.phase].steps, left=one.step - begun[-1], color=style.colour_of(row), height=0.7
            )
    axes.set_yticks(range(len(kinds)), kinds)
    axes.set_ylim(len(kinds) - 0.4, -0.6)
    axes.set_xlabel(f"time step of token {len(begun)}")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    style.grid(axes, "x")
    style.bare(axes, "bottom")
    below = figure.add_axes((0.43, 0.6 / height, 0.54, 1.7 / height))
    bottoms = [0] * len(begun)
    for row, kind in enumerate(kinds):
        mine = [i for i, name in enumerate(names) if name == kind]
        steps = [sum(network.phases[i].taken(token) for i in mine) for token in range(len(begun))]
        below.bar(range(1, len(begun) + 1), steps, bottom=bottoms, color=style.colour_of(row), width=0.8)
        bottoms = [a + b for a, b in zip(bottoms, steps, strict=True)]
    below.set_xlabel("token of the sequence")
    below.set_ylabel("steps")
    below.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    style.grid(below, "y")
    style.bare(below, "bottom")
    return style.save(figure, path)
