"""Reports hold the promised keys, figures are real pictures, and no file is left half-written."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lava_nexus import files
from lava_nexus.chip.timing import Span
from lava_nexus.energy import CircuitEnergy, EnergyReport, Machine, Pace, Site, Subject, load_energy_model
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT8_E4M3FN, FLOAT32, UlpSummary
from lava_nexus.lab.figures import style
from lava_nexus.lab.figures.approximation import Line, Panel, line_panels
from lava_nexus.lab.figures.bars import synops_bars
from lava_nexus.lab.figures.circuits import Snapshot, spike_raster
from lava_nexus.lab.markdown import comma_separated, markdown, summary_text, with_prefix
from lava_nexus.lab.report import Run, write_report

ENERGY = EnergyReport(
    model=load_energy_model("loihi1_pre_silicon"),
    inputs=4,
    subject=Subject(1, 957, 0, (62,)),
    circuits=(CircuitEnergy("add float32", Span.of(1.0), Span.of(2.0), Span.of(5.0)),),
    placed=None,
    updates=0,
    active=0,
    uncounted_updates=0,
    notes=("a note on energy",),
)


def _run(**fields: object) -> Run:
    values = {
        "title": "Digits on lava",
        "config": {"format": "float32"},
        "executor": "lava",
        "inputs": 4,
        "ulp_strict": UlpSummary(0, 0.0, 1.0, 0, 40),
        "ulp_pytorch": UlpSummary(7, 0.25, 0.999999, 3, 1_000_000),
        "accuracy_network": 0.975,
        "accuracy_pytorch": 0.975,
        "neurons": np.int64(2848),
        "synapses": 12_000,
        "depth": 100,
        "time_steps": 104,
        "spikes": 12_345_678_901_234,
        "synops": 99,
        "energy": ENERGY,
        "wall_seconds": 1.5,
        "circuits": [("add float32", "threshold", 957, 3460, 47, 10, 300, 1300)],
        "layers": [("embedding", "add float32", 1300)],
        "levels": [("linear", "word logic")],
        "figures": [("synops.png", "Where the SynOps go")],
        "notes": ["a note"],
        **fields,
    }
    return Run(**values)  # type: ignore[arg-type]


def test_json_has_the_promised_keys(tmp_path: Path) -> None:
    returned = write_report(_run(), tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report == returned
    promised = "schema_version config executor accuracy ulp neurons synapses depth time_steps spikes synops energy"
    assert {*promised.split(), "wall_seconds"} <= set(report)
    assert report["accuracy"] == {"network": 0.975, "pytorch": 0.975}
    assert {"max", "mean", "zero_rate"} <= set(report["ulp"]["strict"]) & set(report["ulp"]["pytorch"])
    assert (report["energy"]["joules"], report["energy"]["joules_per_input"]) == (8.0, 2.0)
    assert report["spikes"] == 12_345_678_901_234
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "circuits.csv",
        "layers.csv",
        "report.html",
        "report.json",
        "report.md",
    ]


def test_what_was_not_counted_is_null(tmp_path: Path) -> None:
    run = _run(
        energy=None, spikes=None, accuracy_network=None, ulp_pytorch=None, wall_seconds=float("nan"), circuits=()
    )
    write_report(run, tmp_path)
    report = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    assert report["energy"]["joules"] is report["spikes"] is report["accuracy"]["network"] is None
    assert report["ulp"]["pytorch"]["max"] is report["wall_seconds"] is None


def test_markdown_says_it_all(tmp_path: Path) -> None:
    write_report(_run(), tmp_path)
    text = (tmp_path / "report.md").read_text()
    for words in (
        "97.50 %",
        "0 ULP on 100 % of 40",
        "![Where the SynOps go](synops.png)",
        "23.6 pJ",
        "Davies",
        "a note on",
    ):
        assert words in text
    assert "word logic" in text


def test_work_and_machine_are_told_apart(tmp_path: Path) -> None:
    alone = summary_text(_run().to_dict())
    assert "work of the run, no machine 8 J" in " ".join(alone.split())
    assert "work an input" in alone and "2 J" in alone and "machine an input" not in alone
    placed = Machine(Site("a chip", 957, 1, 1), Pace("single", 10, Span(1e8, 1e9, 2e9)))
    write_report(_run(energy=replace(ENERGY, placed=placed)), tmp_path)
    text = (tmp_path / "report.md").read_text()
    for words in ("957 neurons on 1 core of 1 chip (a chip)", "one after the other, 10 time steps", "static power"):
        assert words in text
    row = next(line for line in text.splitlines() if line.startswith("| machine  "))
    assert "10.3 J (8.23 J to 12.6 J)" in row


def test_a_rate_below_one_is_never_shown_as_all() -> None:
    text = summary_text(_run().to_dict())
    assert "0 ULP on all but 1 of 1,000,000 values" in text
    assert text.count("100 %") == 1


def test_tables() -> None:
    assert markdown(("name", "n"), [("a|b", 1234), ("c", None)]) == (
        "| name |     n |\n| ---- | ----: |\n| a\\|b | 1,234 |\n| c    |     - |\n"
    )
    assert list(csv.reader(comma_separated(("a", "b"), [("x,y", 0.1), ("", None)]).splitlines())) == [
        ["a", "b"],
        ["x,y", "0.1"],
        ["", ""],
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(8.0, "8 J"), (0.0123, "12.3 mJ"), (9.999e-4, "1 mJ"), (3.2e-7, "320 nJ"), (2e-11, "20 pJ"), (0.0, "0 J")],
)
def test_prefixes(value: float, text: str) -> None:
    assert with_prefix(value, "J") == text


def _pixels(path: Path) -> np.ndarray:
    from matplotlib.image import imread

    return (imread(path)[..., :3] * 255).round().astype(int)


def _area(picture: np.ndarray, colour: str) -> int:
    return int((picture == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all(-1).sum())


def test_raster_colours_only_the_channels_that_spike(tmp_path: Path) -> None:
    from lava_nexus.lab.figures.style import EXPONENT, FRACTION, SIGN

    def areas(pattern: int) -> np.ndarray:
        stages = [Snapshot("x", np.array([pattern], np.uint32), FLOAT32)]
        picture = _pixels(spike_raster(stages, tmp_path / "spikes.png"))
        return np.array([_area(picture, colour) for colour in (SIGN, EXPONENT, FRACTION)])

    sign, exponent, fraction = areas(0xBF800001) - areas(0)  # 1, 7 and 1 channels spike
    assert sign > 1000
    assert fraction == pytest.approx(sign, rel=0.1)
    assert exponent == pytest.approx(7 * sign, rel=0.1)


def test_raster_of_many_stages_and_formats(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stages = [Snapshot(f"stage {i}", rng.integers(0, 2**32, 5 + i, np.uint32), FLOAT32) for i in range(6)]
    stages.append(Snapshot("byte", rng.integers(0, 256, (2, 2), np.uint8), FLOAT8_E4M3FN))
    assert _pixels(spike_raster(stages, tmp_path / "spikes.png", value=9)).std() > 10
    with pytest.raises(NexusError, match="at least one stage"):
        spike_raster([], tmp_path / "none.png")


def test_bars_are_as_long_as_their_share(tmp_path: Path) -> None:
    from lava_nexus.lab.figures.style import PALETTE

    layers = [("first", "mul", 3000), ("first", "add", 1000), ("second", "mul", 1000), ("second", "add", 0)]
    picture = _pixels(synops_bars(layers, tmp_path / "synops.png"))
    # mul holds 4000 in two bars, add 1000; each has a mark in the legend.
    assert _area(picture, PALETTE[0]) / _area(picture, PALETTE[1]) == pytest.approx(4.0, rel=0.05)


def test_layers_of_one_role_are_one_bar() -> None:
    from lava_nexus.lab.figures.bars import _roles

    assert _roles(["in", "block0.q", "block1.q", "layer7"]) == ["in", "2 x block*.q", "2 x block*.q", "layer7"]


def test_bars_of_many_kinds_and_of_none(tmp_path: Path) -> None:
    layers = [("all", f"kind {i}", 1000 + i) for i in range(14)]
    assert synops_bars(layers, tmp_path / "synops.png").exists()
    with pytest.raises(NexusError, match="0 SynOps"):
        synops_bars([("first", "mul", 0)], tmp_path / "none.png")


def test_a_legend_of_long_kinds_stays_on_the_figure(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(style, "save", lambda figure, path: drawn.append(figure))
    sums = "native sums of float32 times float32 to float32, outputs {n}, inputs {n}"
    kinds = [
        *(sums.format(n=n) for n in (32, 64)),
        *(f"{name} float32" for name in ("mul", "add", "div", "exp", "sqrt")),
    ]
    synops_bars([("layer", kind, 100 + i) for i, kind in enumerate(kinds)], tmp_path / "synops.png")
    (figure,) = drawn
    figure.canvas.draw()
    (legend,), (axes,) = figure.legends, figure.axes
    assert len(legend.get_texts()) == 6, "layers of one kind and other sizes have a colour together"
    box = legend.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 > axes.get_window_extent().y1


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    files.write_text(path, "old")

    def fail() -> None:
        with files.replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(NexusError, match=r"report\.json' cannot be written: no space left on device"):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("below, scale", [(-0.02, "symlog"), (0.02, "log")])
def test_a_logarithmic_panel_shows_what_is_below_zero(below, scale, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(style, "save", lambda figure, path: drawn.append(figure))
    lines = [Line("grows", [1, 2], [0.5, 1.0]), Line("falls", [1, 2], [below, below]), Line("bound", [1], [1.0], True)]
    line_panels("title", [Panel("panel", "x", "y", lines)], tmp_path / "panel.png")
    (axes,) = drawn[0].axes
    low, high = axes.get_ylim()
    assert axes.get_yscale() == scale
    assert all(low < y < high for line in axes.lines for y in line.get_ydata())
