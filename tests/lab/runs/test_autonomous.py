"""A run of a decoder that runs by itself, its report and what goes into the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.pages import HUNDREDS, update_autonomous, update_autonomous_map
from lava_nexus.lab.runs.autonomous import run_autonomous

CONFIG = Path(__file__).parents[3] / "configs" / "autonomous" / "tiny.yaml"


def test_a_quick_run_writes_text_counts_steps_and_a_figure(tmp_path: Path) -> None:
    config = load_config(RunConfig, CONFIG, ["format=float8_e5m2", "model.max_length=6"])
    report = run_autonomous(config, tmp_path, quick=True)
    (sequence,) = report["sequences"]
    assert sequence["prompt"] == "Reada"
    assert sequence["steps_predicted"] == sequence["steps_taken"]
    assert sum(report["parts"].values()) == report["neurons"]
    assert report["energy"]["machine"]["value"] > report["energy"]["work"]["value"] > 0
    assert (tmp_path / "phases.png").stat().st_size > 10_000
    with pytest.raises(NexusError, match="quick run"):
        update_autonomous(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("executor=lava", "takes executor membrane"),
        ("model.prompts=[]", "prompts"),
        ("model.max_length=1", "max_length"),
        ("place=unrolled", "placed whole without"),
    ],
)
def test_mistakes_in_a_config_are_one_sentence(change: str, words: str) -> None:
    with pytest.raises(NexusError, match=words):
        load_config(RunConfig, CONFIG, [change])


def test_a_character_that_the_decoder_does_not_have_is_one_sentence(tmp_path: Path) -> None:
    config = load_config(RunConfig, CONFIG, ["model.prompts=['7']", "model.max_length=4", "format=float8_e5m2"])
    with pytest.raises(NexusError, match="holds '7'"):
        run_autonomous(config, tmp_path)


def test_hundreds_of_tokens_and_mappings_go_into_the_page_and_its_record(tmp_path: Path) -> None:
    (tmp_path / "docs" / "images").mkdir(parents=True)
    page = tmp_path / "docs" / "autonomous.md"
    page.write_text("".join(f"<!-- {name}: begin -->\n<!-- {name}: end -->\n" for name in ("tiny", "long", "map")))
    tables = [{"title": "Sequences", "header": ["prompt"], "rows": [["Now"]], "file": "sequences.csv", "notes": ""}]
    report = {"quick": False, "title": "A model by itself", "tables": tables, "figures": []}
    kept = tmp_path / "report.json"
    kept.write_text(json.dumps({**report, "inputs": HUNDREDS, "findings": ["`N`**ow**", "300 tokens, all alike"]}))
    update_autonomous(tmp_path, tmp_path)
    kept.write_text(json.dumps(report))
    update_autonomous_map(tmp_path, tmp_path)
    text = page.read_text()
    assert text.index("300 tokens") < text.index("**Sequences**") < text.index("map: begin") < text.rindex("Sequences")
    assert json.loads((tmp_path / "docs" / "autonomous.json").read_text()).keys() == {"300 tokens", "A model by itself"}
