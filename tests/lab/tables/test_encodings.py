"""Tables of codes that take time: errors against theory, and what fits the printed figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.ulp_tables import EncodingOptions, MethodOptions, UlpTablesConfig
from lava_nexus.lab.published import Figure, published, published_row
from lava_nexus.lab.ulp import sections as ulp
from lava_nexus.lab.ulp.encoding_table import EncodingRow, encoding_section
from lava_nexus.lab.ulp.methods import coded_linear, coded_swiglu
from lava_nexus.populations.codes import code_named

CONFIG = Path(__file__).parents[3] / "configs" / "ulp_end_to_end.yaml"
SMALL = EncodingOptions(values=4000, seeds=3)


def test_errors_of_uniform_numbers_are_those_of_theory(tmp_path: Path) -> None:
    section = encoding_section(SMALL, 0, tmp_path)
    found = {(v["code"], v["steps"]): v["measured"] for v in section.values if v["draw"] == "uniform"}
    for (code, steps), mse in found.items():
        step = {"rate": 1 / steps, "first_spike": 1 / (steps - 1), "temporal_bit": 1 / (2**steps - 1)}.get(code)
        if step:  # rounding to a grid: step^2 / 12
            ends = 1.0 if code == "temporal_bit" or steps > 100 else 1.1
            assert mse == pytest.approx(step**2 / 12, rel=0.06 * ends), (code, steps)
    assert found["stochastic_rate", 16] == pytest.approx(1 / 6 / 16, rel=0.1)  # p (1 - p) / T
    assert found["spatial_bit float32", 32] == 0.0
    assert 0 < found["spatial_bit float16", 16] < found["spatial_bit bfloat16", 16]
    assert (tmp_path / "encodings.png").read_bytes()[:4] == b"\x89PNG"
    fits = {(v["scheme"], v["steps"]) for v in section.values if v["fits"] == "yes"}
    assert fits == {("Ours", 4), ("Ours", 8)}


def test_what_fits() -> None:
    def verdict(measured: float, deviation: float, printed: Figure) -> str:
        return EncodingRow("Ours", "temporal_bit", 4, "uniform", measured, deviation, printed).fits

    assert verdict(3.7e-4, 3e-6, Figure(3.72e-4, 3e-6)) == "yes"
    assert verdict(3.7e-4, 3e-6, Figure(3.72e3, 30.0)) == "the digits, not the exponent (10^7)"
    assert verdict(3.7e-4, 3e-6, Figure(4.1e-4, 3e-6)) == "no"
    assert verdict(3.7e-4, 1e-4, Figure(3.72e3, 30.0)) == "no"  # digits agree by chance
    assert verdict(0.0, 0.0, Figure(1.3e-14)) == "no"


def test_a_fine_code_gives_the_block_itself() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 6))
    weights = {name: rng.standard_normal(shape) for name, shape in (("gate", (8, 6)), ("up", (8, 6)), ("down", (6, 8)))}
    gate, up = x @ weights["gate"].T, x @ weights["up"].T
    right = (gate / (1 + np.exp(-gate)) * up) @ weights["down"].T
    errors = {}
    for name, steps in (("temporal_bit", 40), ("rate", 512), ("first_spike", 512), ("rate", 16)):
        y, spikes = coded_swiglu(x, weights, code_named(name, steps), 0)
        errors[name, steps] = np.abs(y - right).max() / np.abs(right).max()
        assert 0 < spikes <= 2 * steps
    assert errors["temporal_bit", 40] < 1e-11
    assert max(errors["rate", 512], errors["first_spike", 512]) < 2e-2
    assert errors["rate", 16] > 1e-2


def test_a_fine_code_gives_the_linear_layer_and_its_gradients() -> None:
    rng = np.random.default_rng(1)
    shapes = {"x": (2, 3, 5), "weight": (2, 4, 5), "bias": (2, 4), "dy": (2, 3, 4)}
    feeds = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    found = coded_linear(feeds, code_named("temporal_bit", 40))
    x, weight, dy = feeds["x"], feeds["weight"], feeds["dy"]
    right = {
        "forward": np.einsum("btk,bnk->btn", x, weight) + feeds["bias"][:, None],
        "grad x": np.einsum("btn,bnk->btk", dy, weight),
        "grad weight": np.einsum("btn,btk->bnk", dy, x),
        "grad bias": dy.sum(axis=1),
    }
    for part, values in right.items():
        assert np.allclose(found[part], values, rtol=0, atol=1e-10), part


def test_tables_of_a_config(tmp_path: Path) -> None:
    config = UlpTablesConfig(
        executor="reference",
        components=(),
        operations=(),
        inputs=(8,),
        tokens=2,
        width=4,
        outputs=3,
        methods=MethodOptions(width=8, hidden=12, tokens=2, steps=16, codes=("rate", "stochastic_rate")),
    )
    assert ulp.run_ulp_tables(config, tmp_path) == []
    report = json.loads((tmp_path / "ulp_tables.json").read_text())
    rows = {(row["method"], row["against"]): row for row in report["sections"]["methods"]}
    assert rows["spatial_bit", "strict"]["max"] == rows["spatial_bit", "strict"]["unequal_bits"] == 0
    assert rows["rate", "strict"]["mse"] > 1e6 * rows["spatial_bit", "pytorch"]["mse"]
    assert rows["rate", "exact"]["published_max"] == ">1e+07"
    assert {row["part"] for row in report["sections"]["coded_linear"]} >= {"forward + backward", "grad weight"}
    text = (tmp_path / "ulp_tables.md").read_text()
    assert "Methods: a feed-forward block 8 to 12 to 8" in text
    assert not (tmp_path / "ulp_tables.csv").exists()
    assert (tmp_path / "methods.csv").read_text().startswith("method,steps,")


def test_formats_that_pytorch_lacks_are_told() -> None:
    config = UlpTablesConfig(format="float8_e5m2", methods=MethodOptions(width=2, hidden=2, tokens=1))
    with pytest.raises(NexusError, match="no arithmetic in float8_e5m2"):
        ulp._part(config, ("methods", ""))


def test_the_config_that_ships_covers_what_is_printed() -> None:
    config = load_config(UlpTablesConfig, CONFIG)
    assert config.encodings == EncodingOptions()
    assert config.methods is not None
    printed = {row.key["name"] for row in published("models")["methods"]}
    assert printed == {"spatial_bit", *config.methods.codes}
    assert published_row("methods", name="nothing") is None
    assert str(published("models")["methods"][1]["max"]) == "> 1e+07"
