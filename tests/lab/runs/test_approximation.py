import json

import numpy as np
import pytest

from lava_nexus import FLOAT32, NexusError
from lava_nexus.config import build_config
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.runs.approximation import LayerTap, compare, divergence, perplexity
from lava_nexus.lab.runs.digits import run_digits, share_right
from lava_nexus.lab.runs.transformer import run_transformer
from lava_nexus.models.checkpoint import load_checkpoint
from lava_nexus.models.digits import DIGITS, WEIGHTS, digits_program, load_split
from lava_nexus.models.stages import Arithmetic
from lava_nexus.populations import Options
from lava_nexus.populations.catalogue import GATES, Nonlinear
from lava_nexus.programs import Program, Writer, linear, softmax

TINY = {
    "kind": "transformer",
    "architecture": {
        "model_type": "qwen3",
        "hidden_size": 16,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "intermediate_size": 24,
        "num_hidden_layers": 1,
        "vocab_size": 20,
        "max_position_embeddings": 16,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000,
        "hidden_act": "silu",
    },
    "tokens": 3,
}


def config_of(**keys):
    return build_config(RunConfig, {"executor": "reference", **keys}, "config")


def test_on_the_digits_accuracy_falls_by_no_more_than_one_percent():
    tensors, split = load_checkpoint(WEIGHTS, DIGITS.tensors), load_split()
    nonlinear = Nonlinear({name: Options() for name in ("softmax", "silu", "rms_norm")})
    taps = LayerTap(), LayerTap()
    for tap, how in zip(taps, (GATES, nonlinear), strict=True):
        program = digits_program(tensors, DIGITS, Arithmetic(FLOAT32, nonlinear=how))
        tap.run(program, {"tokens": FLOAT32.to_patterns(split.test_tokens)})
    right = [share_right(tap.left["classifier"][-1][:, 0], split.test_labels) for tap in taps]
    assert right[1] >= right[0] - 0.01
    errors = {error.layer: error for error in compare(*taps)}
    assert errors["embedding"].max_error == 0
    assert 0 < errors["block0.attention_norm"].max_error < 0.02
    assert 0 < errors["block1.attention.softmax"].divergence < 1e-3
    assert errors["classifier"].cosine > 0.999


def test_a_whole_converted_network_on_neurons_equals_its_reference(tmp_path):
    config = config_of(model={"kind": "digits", "images": 1}, nonlinear="nls", linear="spikes", executor="membrane")
    found = run_digits(config, tmp_path)
    assert found["ulp"]["strict"]["unequal_bits"] == 0
    labels = [row[0] for row in found["tables"][1]["rows"]]
    assert any(label.startswith("nls linear") for label in labels)
    assert found["synops"] > 0 and found["energy"]["joules"] > 0
    assert (tmp_path / "layers.png").stat().st_size > 10_000
    assert (tmp_path / found["tables"][1]["file"]).read_text().startswith("operator,")


def test_a_transformer_with_populations_reports_perplexity_and_can_be_resumed(tmp_path):
    config = config_of(model=TINY, nonlinear="nls", nls={"softmax": {"bound": 8}})
    run_transformer(config, tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["ulp"]["strict"]["unequal_bits"] == 0
    assert any(note.startswith("Perplexity of the tokens: ") for note in report["notes"])
    assert {row[0].split(" of ")[0] for row in report["tables"][1]["rows"]} >= {"nls silu", "nls rms_norm"}


def test_taps_keep_what_leaves_a_layer_and_ranges_of_linear_operands():
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)

    def program(nonlinear):
        w = Writer(Program("p"), FLOAT32, nonlinear=nonlinear)
        x = w.program.input("x", (1, 3), FLOAT32)
        y = linear(w.inside("linear"), x, w.constant(weight))
        w.program.outputs["p"] = softmax(w.inside("softmax"), y)
        return w.program

    x = np.array([[[0.25, -1.5, 1.0]]], np.float32)
    exact, changed = LayerTap(), LayerTap()
    exact.run(program(GATES), {"x": FLOAT32.to_patterns(x)})
    changed.run(program(Nonlinear({"softmax": Options()})), {"x": FLOAT32.to_patterns(x)})
    assert exact.ranges == changed.ranges == {"linear": 1.5}
    first, second = compare(exact, changed)
    assert (first.layer, first.max_error, first.divergence) == ("linear", 0, None)
    assert first.cosine == pytest.approx(1)
    p, q = exact.left["softmax"][0][0, 0], changed.left["softmax"][0][0, 0]
    assert second.max_error == np.abs(p - q).max()
    assert second.divergence == pytest.approx((p * np.log(p / (q / q.sum()))).sum())
    assert second.cosine == pytest.approx(p @ q / np.linalg.norm(p) / np.linalg.norm(q))


def test_divergence_and_perplexity_by_hand():
    assert divergence(np.array([[0.5, 0.5]]), np.array([[1.0, 1.0]])) == pytest.approx(0, abs=1e-15)
    assert divergence(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])) == pytest.approx(np.log(2))
    assert perplexity(np.zeros((1, 4, 7)), np.zeros((1, 4), np.int64)) == pytest.approx(7)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"nonlinear": {"tanh": "nls"}}, "operator 'tanh' has no replacement by LIF populations"),
        ({"nonlinear": {"softmax": "spikes"}}, "nonlinear"),
        ({"nls": {"softmax": {}}}, "options of 'nls.softmax' are given, but nonlinear has it as gates, not nls"),
        ({"nonlinear": "nls", "nls": {"softmax": {"bound": 40}}}, "bound"),
        ({"nonlinear": "nls", "nls": {"silu": {"bound": 12, "segments": 64}}}, None),
        ({"linear": "spikes", "spikes": {"steps": 3}}, "steps 3 and levels 32 must be powers of two"),
    ],
)
def test_a_wrong_choice_is_one_sentence(keys, sentence):
    if sentence is None:
        config_of(model={"kind": "digits"}, **keys)
        return
    with pytest.raises(NexusError, match=sentence) as caught:
        config_of(model={"kind": "digits"}, **keys)
    assert "\n" not in str(caught.value)
