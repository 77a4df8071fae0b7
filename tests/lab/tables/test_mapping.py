from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import yaml

from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.places import MapBlockConfig
from lava_nexus.lab.energy.token import update_mapping_page
from lava_nexus.lab.published import published
from lava_nexus.lab.runs import mapping
from lava_nexus.lab.runs.built import model_of_sizes
from lava_nexus.lab.runs.mapping import run_map_block
from lava_nexus.models.stages import forward_stages


@pytest.fixture
def config(tmp_path):
    def write(**changes):
        shape = {"d_model": 16, "heads": 2, "kv_heads": 1, "head_dim": 8, "hidden": 32}
        path = tmp_path / "map.yaml"
        path.write_text(yaml.safe_dump({"name": "tiny", "shape": shape, "out": str(tmp_path)} | changes))
        return load_config(MapBlockConfig, path)

    return write


def test_the_report(config, tmp_path):
    strategies = ["fit: chips=8", {"folded": 4}, "unrolled"]
    report = run_map_block(config(strategies=strategies, published="transformer_block"), tmp_path, quick=True)
    assert json.loads((tmp_path / "report.json").read_text()) == json.loads(json.dumps(report))
    assert [row[0] for row in report["rows"]] == ["fit: chips=8", "folded: 4", "unrolled"]
    assert report["published_neurons"] is None and published("sizes")["transformer_block"].neurons
    assert report["schedule"]["checked"] == [True]
    for one in report["energy"]:
        single, streamed = one["single"], one["streamed"]
        assert single["kind"] == "machine" and single["work"] == streamed["work"]
        assert single["machine"]["value"] > streamed["machine"]["value"] > single["work"]["value"] > 0
        assert single["seconds_per_input"]["value"] > streamed["seconds_per_input"]["value"]
        assert not any("was not counted" in note for note in single["notes"])  # active updates were counted
        assert "weights fed by the host" in dict(single["definition"])["placement"]
    chips = [row[2] for row in report["curve"]]
    assert chips == sorted(chips)
    text = (tmp_path / "report.md").read_text()
    for words in ("fit: chips=8", "words in: weights", "register, cells of a word"):
        assert words in text
    for words in ("Joules and seconds a token, one after the other", "| machine "):
        assert words in text
    for words in ("Printed for a GPU", "61,300,000"):  # nothing published beside a quick run
        assert words not in text
    for name in ("chip.png", "chips.png", "strategies.csv", "curve.csv", "cores.csv"):
        assert (tmp_path / name).stat().st_size > 100


@pytest.mark.parametrize("chips, drawn", [((1, 1, 1), []), ((1, 1, 2), ["chips.png"])])
def test_strategies_that_all_take_as_many_chips_have_no_picture_of_them(chips, drawn, tmp_path, monkeypatch):
    ways = [SimpleNamespace(chips=n) for n in chips]
    found = SimpleNamespace(mapper=SimpleNamespace(chip=SimpleNamespace(boards={})), placed=ways[:1], curve=ways[1:])
    found.config, found.drawn, written = SimpleNamespace(name="block"), None, []
    monkeypatch.setattr(mapping, "chips_figure", lambda ways, boards, title, path: written.append(path.name))
    assert [file for file, _ in mapping._draw(found, tmp_path)] == written == drawn


def test_norms_of_queries_and_keys_have_their_weights(config):
    shape = {"d_model": 16, "heads": 2, "kv_heads": 1, "head_dim": 8, "hidden": 32, "query_key_norm": True}
    model = model_of_sizes(config(shape=shape))
    layer = next(stage for stage in forward_stages(model.spec, 1) if stage.step == "layer 0")
    assert {"query_norm.weight", "key_norm.weight"} <= set(layer.tensors)
    assert layer.program(model.arithmetic).neurons
    with pytest.raises(NexusError, match="query_key_norm is of gated layers"):
        config(shape={**shape, "gated": False})


def test_the_page_shows_whole_runs_only(config, tmp_path):
    with pytest.raises(NexusError, match=r"report\.json does not exist"):
        update_mapping_page(tmp_path / "none", tmp_path)
    run_map_block(config(strategies=["folded: 4"]), tmp_path, quick=True)
    with pytest.raises(NexusError, match="is of a trial with --quick"):
        update_mapping_page(tmp_path, tmp_path)


@pytest.mark.wide
def test_weights_on_chip_are_priced_as_placed(config, tmp_path):
    memory = {"registers": "chip", "weights": "chip", "cache": "chip"}
    fed = run_map_block(config(strategies=["folded: 4"]), tmp_path / "fed", quick=True)["energy"][0]["single"]
    kept = run_map_block(config(strategies=["folded: 4"], memory=memory), tmp_path / "kept", quick=True)
    kept = kept["energy"][0]["single"]
    assert "weights on chip" in dict(kept["definition"])["placement"]
    assert kept["work"] == fed["work"]
    assert kept["shares"]["updates_inactive"] > fed["shares"]["updates_inactive"]  # tables and cache are neurons
    assert kept["shares"]["input_output"] < fed["shares"]["input_output"]
    assert kept["seconds_per_input"]["high"] < fed["seconds_per_input"]["high"]  # no word is waited for


@pytest.mark.wide
@pytest.mark.parametrize("kind", ["bert", "phi"])
def test_a_model_by_the_keys_of_its_config(config, tmp_path, kind):
    sizes = {"hidden_size": 128, "num_attention_heads": 16, "intermediate_size": 256, "num_hidden_layers": 2}
    keys = {"model_type": kind, **sizes, "vocab_size": 64, "type_vocab_size": 2, "max_position_embeddings": 16}
    keys["layer_norm_eps"] = 1e-5
    report = run_map_block(config(shape=None, architecture=keys), tmp_path, quick=True)
    assert report["weights"] > 4 * 16 * 16 and [row[0] for row in report["rows"]] == ["fit: chips=8", "unrolled"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"strategies": ["rolled"]}, "strategy 'rolled' is none of"),
        ({"strategies": "unrolled"}, "must be a list"),
        ({"chip": "loihi9"}, "chip 'loihi9' does not exist"),
        ({"max_delay": 63}, "'max_delay' is 63, above the 62"),
        ({"published": "blok"}, "published 'blok' does not exist"),
        ({"format": "float33"}, "float33"),
        ({"architecture": {"model_type": "bert"}}, "one of 'shape' and 'architecture'"),
        ({"shape": None}, "one of 'shape' and 'architecture'"),
        ({"chips": 3}, "key 'chips' does not exist"),
        ({"memory": {"weights": "disk"}}, "must be 'chip' or 'host'"),
        ({"shape": {"d_model": 16, "heads": 3, "kv_heads": 2, "head_dim": 8, "hidden": 32}}, "do not divide"),
        ({"shape": {"d_model": 16, "heads": 2, "kv_heads": 1, "head_dim": 7, "hidden": 32}}, "odd"),
    ],
)
def test_mistakes(config, tmp_path, changes, sentence):
    with pytest.raises(NexusError, match=sentence):
        run_map_block(config(**changes), tmp_path)
