"""The table of encoding errors: random numbers into spikes and back, published beside measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from math import floor, hypot, log10, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import FORMATS, FloatFormat, decode, encode
from lava_nexus.lab.configs.ulp_tables import EncodingOptions
from lava_nexus.lab.figures.approximation import encoding_figure
from lava_nexus.lab.published import Figure, PublishedRow, published
from lava_nexus.lab.ulp.methods import Section
from lava_nexus.populations.codes import SignedCode, code_named

Values = NDArray[np.float64]

# What each printed scheme may mean.
READINGS = {
    "Rate Coding": ("rate", "stochastic_rate"),
    "TTFS": ("first_spike",),
    "Ours": ("temporal_bit", "spatial_bit"),
}
_DIGITS = 3  # significant digits that the paper prints
_SHARP = 0.05  # digits agree by chance where the deviations are wider
_HEADER = (
    *("printed as", "code", "T", "numbers", "published"),
    *("measured", "± over seeds", "published / measured", "range that would fit", "fits"),
)


@dataclass(frozen=True)
class EncodingRow:
    """One code on one draw.

    Attributes:
        scheme: as the paper calls it.
        code: ours.
        steps: time steps; channels of one step for spatial bits.
        draw: "uniform" or "normal".
        measured, deviation: mean squared error, over seeds.
        published: what is printed.
    """

    scheme: str
    code: str
    steps: int
    draw: str
    measured: float
    deviation: float
    published: Figure

    @property
    def ratio(self) -> float | None:
        """Published over measured; None where the code loses nothing."""
        return self.published.value / self.measured if self.measured else None

    @property
    def range(self) -> float | None:
        """Times what the numbers' range would have to grow for the error to be the published one."""
        return sqrt(self.ratio) if self.ratio else None

    @property
    def fits(self) -> str:
        """Whether published and measured agree within three deviations; or only their digits do."""
        if self.ratio is None:
            return "no"
        printed = 0.5 * 10.0 ** (floor(log10(self.published.value)) - _DIGITS + 1)
        within = (3 * hypot(self.deviation / self.measured, (self.published.std or 0) / self.published.value)) + (
            printed / self.published.value
        )
        power = round(log10(self.ratio))
        if abs(self.ratio / 10.0**power - 1) > within:
            return "no"
        if power == 0:
            return "yes"
        return "no" if within > _SHARP else f"the digits, not the exponent (10^{power})"

    def values(self) -> dict[str, Any]:
        """A flat dict for CSV and JSON."""
        found = asdict(self)
        found |= {"published": self.published.value, "published_std": self.published.std}
        return found | {"ratio": self.ratio, "range_that_would_fit": self.range, "fits": self.fits}


def encoding_section(options: EncodingOptions, seed: int, folder: Path) -> Section:
    """Measures every reading of every printed row and draws encodings.png in the folder."""
    found = [row for printed in published("models")["encoding_mse"] for row in _rows(printed, options, seed)]
    source = published("models")["encoding_mse"][0].source
    notes = [
        f"Mean squared error of {options.values:,} random FP32 numbers, mean and deviation over {options.seeds} seeds; "
        "uniform numbers lie in 0..1, normal ones are coded up to the largest magnitude drawn. Spatial bits: formats "
        "of so many channels, to which the number is rounded once.",
        "The paper states neither the numbers' range nor the rule of a code. `range that would fit` is an inference, "
        "the square root of published / measured: an error grows with the square of the range, so that one range would "
        "give one figure in the whole column. It does not.",
        _verdict(found),
        f"Published: {source}.",
    ]
    return Section(
        "encodings",
        "Encodings: mean squared error of random numbers",
        _HEADER,
        [_shown(row) for row in found],
        [row.values() for row in found],
        figures=[_draw(found, folder / "encodings.png").name],
        notes=notes,
    )


def _draw(rows: list[EncodingRow], path: Path) -> Path:
    measured: dict[str, list[tuple[int, float]]] = {}
    printed: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row.draw != rows[0].draw:
            continue
        if row.measured:
            measured.setdefault(row.code.split()[0], []).append((row.steps, row.measured))
        printed.setdefault(row.scheme, []).append((row.steps, row.published.value))
    return encoding_figure(measured, printed, ("spatial_bit",), path)


def _rows(printed: PublishedRow, options: EncodingOptions, seed: int) -> Iterator[EncodingRow]:
    scheme, steps = printed.key["scheme"], printed.key["steps"]
    for reading in READINGS[scheme]:
        for name, trip in _round_trips(reading, steps):
            for draw in options.draws:
                errors = [_error(trip, draw, options.values, [seed, i]) for i in range(options.seeds)]
                mean, deviation = float(np.mean(errors)), float(np.std(errors, ddof=1))
                yield EncodingRow(scheme, name, steps, draw, mean, deviation, printed.figures["mse"])


def _round_trips(reading: str, steps: int) -> list[tuple[str, Callable[[Values, int], Values]]]:
    """(name, numbers and seed to what comes back) of a code, or of every format with so many bits."""
    if reading == "spatial_bit":
        chosen = [fmt for fmt in FORMATS.values() if fmt.bits == steps]
        return [(f"spatial_bit {fmt}", partial(_by_format, fmt)) for fmt in chosen]
    code = code_named(reading, steps)

    def trip(x: Values, seed: int) -> Values:
        signed = SignedCode(code, max(1.0, float(np.abs(x).max())), seed)
        return signed.decode(signed.encode(x))

    return [(reading, trip)]


def _by_format(fmt: FloatFormat, x: Values, seed: int) -> Values:
    """Rounded to the format, into spikes and back."""
    return decode(encode(x.astype(fmt.dtype), fmt), fmt).astype(np.float64)


def _error(trip: Callable[[Values, int], Values], draw: str, count: int, seed: list[int]) -> float:
    rng = np.random.default_rng(seed)
    drawn = rng.random(count) if draw == "uniform" else rng.standard_normal(count)
    x = drawn.astype(np.float32).astype(np.float64)  # an FP32 number, as the paper's are
    return float(np.mean((trip(x, seed[-1]) - x) ** 2))


def _verdict(rows: list[EncodingRow]) -> str:
    cells = {(row.scheme, row.steps): "no" for row in rows}
    for row in rows:
        if row.fits == "yes" or (row.fits != "no" and cells[row.scheme, row.steps] == "no"):
            cells[row.scheme, row.steps] = f"{row.fits}, {row.code} of {row.draw} numbers"
    named = {key: [f"{s} T={t}" for (s, t), found in cells.items() if found.startswith(key)] for key in _KINDS}
    return " ".join(f"{_KINDS[key]}: {', '.join(found) or 'none'}." for key, found in named.items())


_KINDS = {
    "yes": "Printed cells that a draw above reproduces",
    "the digits": "Cells of which only the digits fit, with another power of ten",
    "no": "Cells that nothing above reproduces",
}


def _shown(row: EncodingRow) -> list[Any]:
    ratio, implied = ("-" if v is None else f"{v:.3g}" for v in (row.ratio, row.range))
    measured = "0" if row.measured == 0 else f"{row.measured:.3g}"
    deviation = "0" if row.deviation == 0 else f"{row.deviation:.1g}"
    return [
        *(row.scheme, row.code, row.steps, row.draw),
        *(str(row.published), measured, deviation, ratio, implied, row.fits),
    ]
