"""The ULP tables: what is compared with what, on tiny sizes, and that a difference is told."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.lab.configs.ulp_tables import UlpTablesConfig
from lava_nexus.lab.published import published
from lava_nexus.lab.ulp import sections as ulp
from lava_nexus.lab.ulp.comparison import UlpRow
from lava_nexus.lab.ulp.components import COMPONENTS

CONFIG = Path(__file__).parents[3] / "configs" / "ulp_components.yaml"
TINY = {"tokens": 2, "width": 4, "outputs": 3, "inputs": (8, 32), "executor": "reference"}
PARTS = {
    "linear": ["forward + backward", "forward", "grad x", "grad weight", "grad bias"],
    "rms_norm": ["forward + backward", "forward", "grad x", "grad weight"],
    "silu": ["forward + backward", "forward", "grad x"],
    "softmax": ["forward + backward", "forward", "grad x"],
}


def tiny(**changes: Any) -> UlpTablesConfig:
    return UlpTablesConfig(**{**TINY, "operations": ("add", "sqrt", "exp"), **changes})


def by_label(rows: Sequence[UlpRow], inputs: int) -> dict[str, UlpRow]:
    return {r.label: r for r in rows if r.inputs == inputs}


def test_the_config_that_ships_covers_all_layers() -> None:
    config = load_config(UlpTablesConfig, CONFIG)
    assert set(config.components) == set(COMPONENTS)
    assert config.tokens * config.width == 1024 == config.inputs[0]
    assert config.inputs[-1] >= 1_000_000


def test_every_layer_and_operation_has_its_rows_and_files(tmp_path: Path) -> None:
    rows = ulp.run_ulp_tables(tiny(components=tuple(COMPONENTS)), tmp_path)
    wanted = [(name, part, n) for name in COMPONENTS for n in (8, 32) for part in PARTS.get(name, ["forward"])]
    wanted += [(name, "", n) for name in ("add", "sqrt", "exp") for n in (8, 32)]
    assert sorted((r.name, r.part, r.inputs) for r in rows) == sorted(wanted)
    for r in rows:
        strict, exact = r.measured["strict"], r.measured["exact"]
        assert strict is not None and exact is not None
        assert (strict.ulp.max, strict.ulp.unequal_bits) == (0, 0)
        assert sum(exact.histogram) == exact.ulp.count == strict.ulp.count > 0
        if r.inputs == 32:  # another formula would hardly ever agree so closely
            assert sum(exact.histogram[:2]) > 0.5 * exact.ulp.count
    report = json.loads((tmp_path / "ulp_tables.json").read_text())
    assert len(report["rows"]) == len(rows)
    assert report["config"]["width"] == 4
    with (tmp_path / "ulp_tables.csv").open() as file:
        table = list(csv.DictReader(file))
    assert {row["published_max"] for row in table if row["name"] == "silu"} == {"11", "8"}
    assert {row["strict_max"] for row in table} == {"0"}
    text = (tmp_path / "ulp_tables.md").read_text()
    assert "11 / 2.1 / 46.9 %" in text and "tab:component_mse_ablation" in text
    for name in ("ulp_components.png", "ulp_operations.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_rows_join_forward_and_backward(tmp_path: Path) -> None:
    rows = by_label(ulp.run_ulp_tables(tiny(components=("silu",), operations=()), tmp_path), 32)
    parts = [rows[f"silu {part}"].measured["pytorch"] for part in ("forward", "grad x")]
    whole = rows["silu forward + backward"].measured["pytorch"]
    assert whole is not None and all(part is not None for part in parts)
    assert whole.ulp.count == sum(part.ulp.count for part in parts if part)
    assert whole.ulp.max == max(part.ulp.max for part in parts if part)


def test_few_inputs_are_the_beginning_of_many(tmp_path: Path) -> None:
    both = by_label(ulp.run_ulp_tables(tiny(components=("rms_norm",)), tmp_path), 8)
    alone = by_label(ulp.run_ulp_tables(tiny(components=("rms_norm",), inputs=(8,)), tmp_path), 8)
    assert {k: r.measured for k, r in both.items()} == {k: r.measured for k, r in alone.items()}


def test_neurons_are_compared_with_the_reference(tmp_path: Path) -> None:
    config = tiny(components=("linear",), operations=("add",), executor="bitsliced")
    rows = ulp.run_ulp_tables(config, tmp_path, quick=True)
    assert all(r.measured["strict"] is not None and r.measured["strict"].ulp.unequal_bits == 0 for r in rows)


def test_a_format_without_arithmetic_in_pytorch_or_published_figures(tmp_path: Path) -> None:
    config = tiny(format="float8_e4m3fn", components=("linear",), operations=("add",))
    for r in ulp.run_ulp_tables(config, tmp_path):
        assert r.published is None
        assert r.measured["pytorch"] is None and r.measured["pytorch_exact"] is None
        assert r.measured["exact"] is not None


def test_against_pytorch_itself(tmp_path: Path) -> None:
    """The share of results on which PyTorch is correctly rounded, counted apart from the tables' own code."""
    rows = by_label(ulp.run_ulp_tables(tiny(components=(), operations=("exp",), inputs=(5000,)), tmp_path), 5000)
    x = ulp.random_values(0, "exp a", (5000,), tiny().float_format)
    right = torch.exp(torch.tensor(x)).numpy() == np.exp(x.astype(np.float64)).astype(np.float32)
    found = rows["exp"].measured["pytorch_exact"]
    assert found is not None and found.ulp.zero_rate == right.mean()
    assert right.mean() > 0.5


class Lying(ReferenceExecutor):
    """Flips the last bit of one result of every addition."""

    def invoke(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> NDArray[Any]:
        result = super().invoke(circuit, operands)
        if circuit.name == "add":
            result.flat[0] ^= 1
        return result


def test_a_difference_from_the_reference_is_told_and_still_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ulp, "executor_named", lambda name, count: Lying())
    with pytest.raises(NexusError, match=r"'add' on 8 inputs: 1 of 8 results .* strict reference, by at most 1 ULP"):
        ulp.run_ulp_tables(tiny(components=()), tmp_path)
    rows = json.loads((tmp_path / "ulp_tables.json").read_text())["rows"]
    assert [r["measured"]["strict"]["unequal_bits"] for r in rows if r["name"] == "add"] == [1, 1]


@pytest.mark.parametrize(
    ("operation", "words"), [("ad", "'ad', which does not exist; did you mean"), ("compare_lt", "a bit and has no ULP")]
)
def test_mistakes(operation: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(NexusError, match=words):
        ulp.run_ulp_tables(tiny(operations=(operation,)), tmp_path)


def test_published_figures_name_their_source_and_nothing_measured() -> None:
    printed = published("ulp")
    assert all(p.source.startswith("arXiv ") for p in printed.values())
    component = printed["softmax", "forward + backward"]
    assert (component.max, component.mean, component.zero_percent) == (6, 0.8, 87.5)
    assert printed["add", ""].mean is None
    assert all(p.zero_percent is None or 0 <= p.zero_percent <= 100 for p in printed.values())
