"""The study's fast arithmetic against neurons, integer programs and executors; a study from config to page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.execute.populations import run_populations
from lava_nexus.files import write_text
from lava_nexus.formats import FLOAT16, FLOAT32
from lava_nexus.models.model import Model, random_model
from lava_nexus.populations import Options, operator
from lava_nexus.populations.catalogue import Nonlinear

torch = pytest.importorskip("torch")

from lava_nexus.lab.configs.study import Start, StudyConfig  # noqa: E402
from lava_nexus.lab.pages import filled  # noqa: E402
from lava_nexus.lab.study import spiking  # noqa: E402
from lava_nexus.lab.study.cases import OPERATORS  # noqa: E402
from lava_nexus.lab.study.decoder import Decoder, Way  # noqa: E402
from lava_nexus.lab.study.pages import page_part, update_study_page  # noqa: E402
from lava_nexus.lab.study.study import Bench, read_tokens, run_study  # noqa: E402
from lava_nexus.lab.ulp.page import ulp_part  # noqa: E402

ROOT = Path(__file__).parents[3]
TINY = {
    "model_type": "llama",
    "hidden_size": 24,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "vocab_size": 41,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
}
CHOSEN = [
    Options(),
    Options(grid_bits=4, segments=8, bound=2.0),
    Options(grid_bits=11, single_ladder=False, steps=12, in_fraction=6, bound=8.0),
    Options(steps=3, in_fraction=12),
]
IDS = [repr(options.changed()) for options in CHOSEN]


def tiny(**how: Any) -> Model:
    """Random weights, far from 0, so that every part matters."""
    model = random_model(TINY, 3, **how)
    rows = model.source.rows
    model.source.rows = lambda name, shape, part: rows(name, shape, part) * np.float32(1 if "norm" in name else 12)  # type: ignore[method-assign]
    return model


def values(rows: int, size: int, spread: float) -> np.ndarray:
    x = np.random.default_rng(size).normal(0, spread, (rows, size)).astype(np.float32)
    x[0], x[1, 0] = 0.0, 300.0  # silence, and beyond every operand's format
    return x


def integers(op: Any, x: np.ndarray) -> np.ndarray:
    """Operands of an operator, as its conversion circuit makes them."""
    return np.clip(np.rint(x * 2.0**op.in_fraction), op.in_format.min, op.in_format.max).astype(np.int64)


@pytest.mark.parametrize("options", CHOSEN, ids=IDS)
def test_silu_and_rms_norm_are_their_programs_and_neurons(options: Options) -> None:
    for name, size in (("silu", 1), ("rms_norm", 24), ("rms_norm", 5)):
        op, x = operator(name, size, options, 1e-5), values(40, size, 3.0)
        found = spiking.silu(torch.from_numpy(x), options) if name == "silu" else None
        found = spiking.rms_norm(torch.from_numpy(x), 1e-5, options) if found is None else found
        whole = (found.double().numpy() * 2.0**op.out_fraction).astype(np.int64)
        np.testing.assert_array_equal(whole, op.golden(integers(op, x)))
        neurons = run_populations(op.network, {"x": integers(op, x[:6])}).outputs["y"]
        np.testing.assert_array_equal(whole[:6], neurons)


@pytest.mark.parametrize("options", CHOSEN, ids=IDS)
def test_softmax_of_rows_of_all_lengths_is_its_programs(options: Options) -> None:
    tokens = 9
    x = values(tokens, tokens, 4.0)
    seen = np.tril(np.ones((tokens, tokens), bool)) & ~np.tril(np.ones((tokens, tokens), bool), -6)
    found = spiking.softmax(torch.from_numpy(x)[None], torch.from_numpy(seen), options)[0].double().numpy()
    for row in range(tokens):
        keys = np.flatnonzero(seen[row])
        op = operator("softmax", len(keys), options)
        expected = op.golden(integers(op, x[row : row + 1, keys]))[0]
        np.testing.assert_array_equal(found[row, keys] * 2.0**op.out_fraction, expected)
        assert not found[row, ~seen[row]].any()


def logits_of(model: Model, way: Way, tokens: np.ndarray) -> np.ndarray:
    decoder = Decoder(model)
    features = decoder.features(torch.from_numpy(tokens), way)
    return np.asarray(decoder.logits(features[0], way).numpy())


TOKENS = np.random.default_rng(1).integers(0, 41, (1, 7))


def test_whole_models_of_populations_have_the_bits_of_the_executors() -> None:
    """Sequential sums and integers of populations: nothing is left in which a kernel could differ."""
    options = {"softmax": Options(), "silu": Options(grid_bits=6), "rms_norm": Options(in_fraction=8)}
    nonlinear = Nonlinear(options)
    for sums, kind in (("exact", {"product": "native", "accumulate": "exact"}), ("sequential", {})):
        found = logits_of(tiny(), Way(sums, nonlinear=nonlinear), TOKENS)  # type: ignore[arg-type]
        for executor in ("reference", "bitsliced"):
            expected = tiny(**kind).by_populations(nonlinear)(TOKENS, executor).logits
            assert expected is not None
            np.testing.assert_array_equal(found.view(np.uint32), expected[0].view(np.uint32))
    layers = frozenset({"block0.feed_forward.activation", "block0.attention.softmax"})
    part = Nonlinear(options, layers)
    expected = tiny().by_populations(part)(TOKENS, "reference").logits
    assert expected is not None
    found_in_part, bound = logits_of(tiny(), Way("sequential", nonlinear=part), TOKENS), 2e-5 * np.abs(expected).max()
    np.testing.assert_allclose(found_in_part, expected[0], rtol=0, atol=bound)
    assert not np.array_equal(expected[0], found)


@pytest.mark.parametrize("sums", ["sequential", "kernel", "exact"])
def test_float32_is_that_of_the_reference_up_to_exp_and_orders(sums: Any) -> None:
    expected = tiny()(TOKENS, "reference").logits
    assert expected is not None
    np.testing.assert_allclose(logits_of(tiny(), Way(sums), TOKENS), expected[0], atol=3e-5 * np.abs(expected).max())


def test_narrow_sums_are_those_of_the_reference_up_to_a_rounding_of_exp() -> None:
    expected = tiny(format="float16")(TOKENS, "reference").logits
    assert expected is not None
    found, plain = (logits_of(tiny(), way, TOKENS) for way in (Way("sequential", FLOAT16), Way("sequential")))
    off = np.abs(found - expected[0].astype(np.float64))
    assert np.mean(off == 0) > 0.9 and off.max() < 0.2 * np.abs(plain - expected[0].astype(np.float64)).max()


def test_perplexity_and_kl_by_their_definitions() -> None:
    model, way = tiny(), Way("kernel", nonlinear=Nonlinear({"softmax": Options(grid_bits=4)}))
    windows = np.random.default_rng(2).integers(0, 41, (2, 8))
    found = Bench(model, windows, "cpu").measured(way)
    likely = []
    for one in (way, Way()):
        x = np.stack([logits_of(model, one, window[None]) for window in windows]).astype(np.float64)[:, :-1]
        likely.append(x - np.log(np.exp(x).sum(-1, keepdims=True)))
    chosen = np.take_along_axis(likely[0], windows[:, 1:, None], -1)
    assert found["perplexity"] == pytest.approx(np.exp(-chosen.mean()), rel=1e-6)
    kl = (np.exp(likely[1]) * (likely[1] - likely[0])).sum(-1).mean()
    assert found["kl"] == pytest.approx(kl, rel=1e-3) and kl > 1e-4
    assert found["tokens_scored"] == 14 and FLOAT32.bits == 32


def test_a_study_from_config_to_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"text={ROOT / 'tests/data/persuasion.txt'}"
    config = load_config(StudyConfig, ROOT / "configs/study/random.yaml", [text])
    config = config.model_copy(update={"start": (Start(executor="reference", tokens=2, operators=OPERATORS),)})
    run_study(config, tmp_path, quick=True)
    report = json.loads((tmp_path / "study.json").read_text())
    assert report["quick"] and "a quick run" in report["title"] and len(report["rows"]) >= 5
    assert report["rows"][-1]["group"] == "start" and report["rows"][-1]["equal_logits"] == 1.0
    assert "Perplexity of plain FP32" in capsys.readouterr().out
    with pytest.raises(NexusError, match="must have one window of 300 tokens"):
        run_study(config.model_copy(update={"window": 300}), tmp_path)


def test_studies_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    text = ROOT / "tests/data/persuasion.txt"
    with pytest.raises(NexusError, match=r"package 'no_such_model', which carries the model, is not installed"):
        read_tokens(StudyConfig(package="no_such_model", text=text), tiny(), False)
    with pytest.raises(ValueError, match="must have one of 'checkpoint', 'package' and 'architecture'"):
        StudyConfig(text=text)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NexusError, match="device is 'cuda', but PyTorch finds no GPU"):
        Bench(tiny(), TOKENS, "cuda")
    with pytest.raises(NexusError, match="takes plain gated decoders, not 'gpt2'"):
        sizes = {"n_embd": 8, "n_head": 2, "n_layer": 1, "n_positions": 8, "vocab_size": 9}
        Decoder(random_model({"model_type": "gpt2", **sizes}))


def test_the_page_is_that_of_its_json(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "smollm2.md").read_text(encoding="utf-8")
    report = json.loads((ROOT / "docs" / "smollm2_study.json").read_text(encoding="utf-8"))
    assert filled(page, "study", lambda: page_part(report), "page") == page
    for part in ("start", "exact"):
        if (kept := ROOT / "docs" / f"smollm2_{part}.json").is_file():
            shown = json.loads(kept.read_text(encoding="utf-8"))
            assert filled(page, part, lambda shown=shown: page_part(shown), "page") == page
    tables = json.loads((ROOT / "docs" / "smollm2_ulp.json").read_text(encoding="utf-8"))
    assert filled(page, "ulp", lambda: ulp_part(tables), "page") == page
    assert not report["quick"] and report["tokens"] > 19_000
    with pytest.raises(NexusError, match="or the exact run alone, which is no result"):
        write_text(tmp_path / "study.json", json.dumps({**report, "rows": report["rows"][:1]}))
        update_study_page(tmp_path, ROOT)
