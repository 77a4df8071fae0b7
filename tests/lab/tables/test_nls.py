import csv
import json

import pytest
import yaml

from lava_nexus.lab.configs.tables import NlsTablesConfig
from lava_nexus.lab.nls import errors, gates
from lava_nexus.lab.nls.tables import run_nls_tables

SMALL = NlsTablesConfig(sizes=(8,), vectors=256, points=2001, samples=2, gate_sizes=(4,), images=6)


def test_errors_are_those_printed_within_a_step_of_the_grid():
    rows = [dict(zip(errors.ERROR_HEADER, row, strict=True)) for row in errors.error_rows(SMALL)]
    beside = [row for row in rows if row["published max"] is not None]
    assert {row["operator"] for row in beside} == {"silu", "softmax", "rms_norm"}
    for row in beside:
        assert row["max error on the grid"] <= row["published max"] == 1 / 256
        assert row["mean error on the grid"] < 1e-3
    finer = {row["operator"]: row["max error"] for row in rows if row["variant"] == "grid 1/4096"}
    coarse = {row["operator"]: row["max error"] for row in rows if row["variant"] == "default"}
    assert all(finer[name] < coarse[name] / 2 for name in ("silu", "softmax", "rms_norm", "layer_norm"))


def test_the_tree_keeps_its_bound_with_n_as_the_last_shift_alone():
    for _, steps, inclusive, bound in errors.tree_rows(SMALL):
        assert inclusive <= bound * 1.01 < steps


def test_chords_keep_their_bound_without_rounding_and_division_its_step_with_the_shift():
    assert all(exact <= bound for _, exact, _, _, bound in errors.chord_rows())
    rows = errors.division_rows(4)
    assert all(max(shift, digits) <= 1.1 for _, _, shift, digits in rows)
    assert max(plain for _, plain, _, _ in rows) > 7


def test_published_bounds_are_the_printed_formulas():
    assert errors.exponential_bound(5, 64) == pytest.approx(0.003568, rel=1e-3)
    assert errors.norm_bound(64, 8) == pytest.approx(4.58e-5, rel=1e-3)
    assert errors.rms_norm_bound(64, 8, 0, True) == pytest.approx(2 * 4.58e-5, rel=1e-2)
    assert errors.silu_bound(-2, 5, 64, 1 / 256) == pytest.approx(
        2 * (2 * 0.003568 / (1 - 0.003568) + 1 / 256), rel=1e-3
    )


def test_populations_cost_less_than_gates_and_err_more():
    rows = {(row[0], row[2]): dict(zip(gates.GATE_HEADER, row, strict=True)) for row in gates.gate_rows(SMALL)}
    for name in ("silu", "softmax", "rms_norm"):
        ours, exact = rows[name, "populations"], rows[name, "gates"]
        for quantity in ("neurons", "spikes", "synops", "joules", "time steps"):
            assert 0 < ours[quantity] < exact[quantity]
        assert exact["max error"] < 1e-5 < ours["max error"] < 0.006
        assert ours["neurons"] < rows[name, "populations, with conversions"]["neurons"]


@pytest.mark.wide
def test_tables_and_figures_come_out_of_the_script(tmp_path):
    config = NlsTablesConfig(sections=("primitives", "sweeps", "model"), sizes=(4,), vectors=64, points=101, images=4)
    run_nls_tables(config, tmp_path)
    report = json.loads((tmp_path / "nls_tables.json").read_text())
    assert [figure["file"] for figure in report["figures"]] == ["primitives.png", "sweeps.png", "model.png"]
    for name in [figure["file"] for figure in report["figures"]]:
        assert (tmp_path / name).stat().st_size > 20_000
    with (tmp_path / "sweeps.csv").open() as file:
        swept = {row["swept"] for row in csv.DictReader(file)}
    assert swept == {"H", "K", "n", "CORDIC steps", "d"}


def test_the_shipped_config_is_whole():
    with open("configs/nls_tables.yaml", encoding="utf-8") as file:
        assert set(yaml.safe_load(file)["sections"]) == {"errors", "sweeps", "primitives", "gates", "model"}
