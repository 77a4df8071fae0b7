"""Linear layers taken out of the digits transformer, and the report of one on Lava's LIF."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import FLOAT8_E4M3FN
from lava_nexus.lab.configs.model import LinearLifConfig
from lava_nexus.lab.runs.linear_lif import linear_layer, run_linear_lif
from lava_nexus.models.checkpoint import load_checkpoint
from lava_nexus.models.digits import DIGITS, WEIGHTS, digits_program, load_split

FMT = FLOAT8_E4M3FN


@pytest.fixture(scope="module")
def tensors():
    return load_checkpoint(WEIGHTS, DIGITS.tensors)


@pytest.fixture(scope="module")
def program(tensors):
    return digits_program(tensors, DIGITS, FMT)


@pytest.fixture(scope="module")
def feeds():
    return {"tokens": FMT.to_patterns(load_split().test_tokens[:3].astype(FMT.dtype))}


def test_the_first_and_the_last_layer(program, tensors, feeds):
    layer, _ = linear_layer(program, "embedding", feeds)
    assert np.array_equal(layer.x, feeds["tokens"].reshape(12, 16))
    assert np.array_equal(FMT.from_patterns(layer.weight), tensors["embedding.weight"].astype(FMT.dtype))
    assert np.array_equal(FMT.from_patterns(layer.bias), tensors["embedding.bias"].astype(FMT.dtype))
    layer, logits = linear_layer(program, "classifier", feeds)
    assert layer.x.shape == (3, 32)
    assert np.array_equal(logits, run_program(program, feeds, ReferenceExecutor()).outputs["logits"][:, 0])


def test_operand_sets_are_row_by_row(program, feeds):
    layer, _ = linear_layer(program, "block1.feed_forward.down", feeds)
    assert layer.bias is None
    operands = layer.operand_sets()
    assert len(operands) == 2 * 64
    rows, outputs = len(layer.x), len(layer.weight)
    for row, output in [(0, 0), (0, 31), (11, 5)]:
        got = [operand.reshape(rows, outputs)[row, output] for operand in operands]
        assert got == [*layer.x[row], *layer.weight[output]]


def test_user_mistakes(program, feeds):
    with pytest.raises(NexusError, match="layer 'embeding' is no linear layer of 'digits'; choose one of embedding, "):
        linear_layer(program, "embeding", feeds)
    with pytest.raises(NexusError, match="linear layer has 16 inputs, fewer than the 17 asked for"):
        linear_layer(program, "embedding", feeds)[0].first(17)


def test_a_run_and_its_report(tmp_path, capsys):
    pytest.importorskip("lava")
    config = LinearLifConfig(layer="classifier", inputs=2, images=1, out=tmp_path)
    report = run_linear_lif(config, tmp_path)
    assert report == json.loads((tmp_path / "linear_lif.json").read_text())
    assert (report["operand_sets"], report["products"], report["bias"], report["level"]) == (10, 2, False, "LIF")
    assert report["time_steps"]["taken"] == report["time_steps"]["predicted"] == 10 + report["depth"] + 1
    assert report["different"] == {"results": 0, "neurons": 0}
    assert report["spikes"] > 0
    assert f"| {report['depth']} " in capsys.readouterr().out


@pytest.mark.slow
def test_a_whole_layer(tmp_path):
    pytest.importorskip("lava")
    report = run_linear_lif(LinearLifConfig(images=1), tmp_path)
    assert (report["operand_sets"], report["products"], report["bias"]) == (128, 16, True)
    assert report["different"] == {"results": 0, "neurons": 0}
