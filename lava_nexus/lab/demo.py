"""The idea in twenty seconds, on the core alone: a number as bits as spikes, through neurons, to the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lava_nexus.circuits import circuit
from lava_nexus.energy import energy_of
from lava_nexus.execute.run import run
from lava_nexus.files import write_text
from lava_nexus.formats import FLOAT32
from lava_nexus.lab.figures.wave import wave_svg
from lava_nexus.lab.markdown import with_prefix

_SETS = 100_000
_WIDTH = 60


def demo(out: Path | None, tell: Callable[[str], None]) -> dict[str, float | int]:
    """Adds numbers by neurons, holds every bit against the processor's, and says what it cost; returns the figures.

    Args:
        out: a folder for wave.svg, a wave through an FP8 adder; None for none.
        tell: takes the lines.
    """
    tell("1. A number is bits, and a bit is a spike or none.")
    for x in (0.1, 0.2):
        tell(f"   {x} in FP32: {_spelled(x)}")
    adder = circuit("add", FLOAT32)
    tell(
        f"\n2. An adder of {adder.neurons} integrate-and-fire neurons and {adder.synapses:,} synapses; a result leaves "
        f"after {adder.depth} time steps, and a new pair of numbers may enter in every one."
    )
    one = run(adder, np.array([0.1], np.float32), np.array([0.2], np.float32))
    tell(f"   0.1 + 0.2 = {float(one.value[0])!r}: {_spelled(float(one.value[0]))}")
    tell(f"   {one.spikes} neurons fired. Spikes, four time steps a line:")
    assert one.neuron_spikes is not None
    by_step = np.bincount(adder.network.levels, weights=one.neuron_spikes.astype(float)).astype(int)[1:]
    sums = [int(by_step[step : step + 4].sum()) for step in range(0, len(by_step), 4)]
    for row, count in enumerate(sums):
        tell(f"   step {4 * row + 1:3d} {'|' * round(_WIDTH * count / max(1, *sums))} {count}")
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 2**32, _SETS, dtype=np.uint32).view(np.float32) for _ in range(2))
    result = run(adder, a, b)
    with np.errstate(all="ignore"):
        right = FLOAT32.canonical((a + b).view(np.uint32))
    wrong = int((result.value.view(np.uint32) != right).sum())
    assert result.spikes is not None and result.synops is not None
    tell(
        f"\n3. {_SETS:,} pairs of random bit patterns, infinities, NaN and subnormals among them: "
        f"{_SETS - wrong:,} results have every bit as this processor's own adder, {wrong} have not."
    )
    energy = energy_of(result)
    each = energy.joules_per_input
    tell(
        f"   Level: {result.level} (every neuron evaluated, none simulated in time). Counted: "
        f"{result.spikes / _SETS:,.0f} spikes and {result.synops / _SETS:,.0f} SynOps an addition."
    )
    tell(
        f"   Estimated: {with_prefix(each, 'J')} of work each by the constants of {energy.model.title}; no one has run"
    )
    tell("   this on a chip yet, and what a machine takes beside work depends on where the neurons are placed.")
    if out is not None:
        write_text(out / "wave.svg", wave_svg(circuit("add", "float8_e4m3fn"), 1.75, 0.5))
        tell(f"\n   A wave through an FP8 adder, to be opened in a browser: {out / 'wave.svg'}")
    tell("\nNext: `python -c 'import lava_nexus; help(lava_nexus)'`, `lava-nexus --help`.")
    return {"pairs": _SETS, "wrong": wrong, "neurons": adder.neurons, "spikes": result.spikes, "joules_each": each}


def _spelled(x: float) -> str:
    """Sign, exponent and fraction, a spike as `|` and none as `.`."""
    bits = f"{int(np.float32(x).view(np.uint32)):032b}"
    return " ".join(part.replace("1", "|").replace("0", ".") for part in (bits[0], bits[1:9], bits[9:]))
