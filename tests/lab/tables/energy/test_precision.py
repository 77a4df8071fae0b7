"""The map of precision: error and energy of a small layer, and the front."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lava_nexus.config import load_config
from lava_nexus.lab.configs.tables import EnergyConfig, PrecisionMap
from lava_nexus.lab.energy.precision import PrecisionRow, pareto_front, run_precision_map


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_front_is_what_nothing_beats(pairs: list[tuple[int, int]]) -> None:
    front = pareto_front(pairs)
    for i, (a, b) in enumerate(pairs):
        beaten = any((c < a and d <= b) or (c <= a and d < b) for c, d in pairs)
        assert (i in front) == (not beaten)


def test_constant_weights_give_the_same_error_for_less(tmp_path: Path) -> None:
    text = "measure: {kind: precision, size: 2, tokens: 8, formats: [float8_e5m2], accumulate: [fma, sequential]}\n"
    (tmp_path / "c.yaml").write_text(text + "executor: membrane\n")
    config = load_config(EnergyConfig, tmp_path / "c.yaml")
    assert isinstance(config.measure, PrecisionMap)
    found = [PrecisionRow(**row) for row in run_precision_map(config, config.measure, tmp_path)["rows"]]
    rows = {(r.basis, r.accumulate, r.weights, r.style): r for r in found}
    assert ("nexus", "sequential", "operand", "energy") not in rows
    assert ("threshold", "fma", "constant", "neurons") not in rows
    plain, constant = (rows["threshold", "sequential", which, "neurons"] for which in ("operand", "constant"))
    assert constant.error == plain.error and constant.nanojoules < plain.nanojoules and constant.neurons < plain.neurons


def test_finer_formats_err_less_and_take_more(tmp_path: Path) -> None:
    text = (
        "measure: {kind: precision, size: 4, tokens: 8, formats: [float8_e4m3fn, float16], bases: [threshold, nexus], "
        "accumulate: [sequential], weights: [operand], styles: [neurons]}\nexecutor: membrane\n"
    )
    (tmp_path / "c.yaml").write_text(text)
    config = load_config(EnergyConfig, tmp_path / "c.yaml")
    assert isinstance(config.measure, PrecisionMap)
    found = [PrecisionRow(**row) for row in run_precision_map(config, config.measure, tmp_path)["rows"]]
    rows = {(r.format, r.basis): r for r in found}
    coarse, fine = rows["float8_e4m3fn", "threshold"], rows["float16", "threshold"]
    assert coarse.error > 8 * fine.error > 0 and coarse.nanojoules < fine.nanojoules
    assert rows["float16", "nexus"].error == fine.error and rows["float16", "nexus"].nanojoules > fine.nanojoules
    assert fine.front and not rows["float16", "nexus"].front
    values = json.loads((tmp_path / "precision.json").read_text())
    assert np.isclose(values["rows"][0]["nanojoules"], rows["float8_e4m3fn", "threshold"].nanojoules)
    assert (tmp_path / "precision.png").stat().st_size > 5000
