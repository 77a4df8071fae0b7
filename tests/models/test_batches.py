"""Sequences of several lengths, pooled embeddings, and what a checkpoint is before it runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.errors import NexusError
from tests.models.test_folders import BERT, CONFIG, TOKENS, weights, write

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

IDS = [[3, 1, 4, 1], [5, 2, 0, 0], [0, 0, 0, 6]]
MASK = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 1]]


def test_a_masked_sequence_has_the_bits_that_it_has_alone(tmp_path: Path) -> None:
    model = nexus.load(write(tmp_path, weights()))
    both = model(IDS, "reference", attention_mask=MASK)
    last = model(IDS, "reference", attention_mask=MASK, logits="last").logits
    assert both.logits is not None and last is not None
    for row, (ids, mask) in enumerate(zip(IDS, MASK, strict=True)):
        kept = np.array(mask, bool)
        alone = model(np.array(ids)[kept], "reference")
        assert alone.logits is not None
        np.testing.assert_array_equal(both.logits[row, kept], alone.logits[0])
        np.testing.assert_array_equal(both.hidden_states[1][row, kept], alone.hidden_states[1][0])
        np.testing.assert_array_equal(last[row], alone.logits[0, -1:])
        assert not both.logits[row, ~kept].any()


def test_masks_are_those_of_transformers(tmp_path: Path) -> None:
    named = {**BERT, "hidden_act": "gelu", "architectures": ["BertForTokenClassification"]}
    write(tmp_path, {name: 10 * tensor for name, tensor in weights(named).items()}, named)
    theirs = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path, attn_implementation="eager")
    mask = [[1, 1, 1, 1], [1, 1, 1, 0]]
    with torch.no_grad():
        expected = theirs.double()(torch.tensor(IDS[:2]), attention_mask=torch.tensor(mask)).logits.numpy()
    found = nexus.load(tmp_path)(IDS[:2], "reference", attention_mask=mask).logits
    assert found is not None
    kept = np.array(mask, bool)
    np.testing.assert_allclose(found[kept], expected[kept], rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ([[1, 0, 1]], "sequence 0 has no token, or other ones between"),
        ([[0, 0, 0]], "sequence 0 has no token"),
        ([[1, 2, 1]], r"attention_mask of shape \(1, 3\) is not 0 or 1"),
        ([[1, 1]], r"attention_mask of shape \(1, 2\) is not 0 or 1 for each of the tokens \(1, 3\)"),
    ],
)
def test_masks_that_are_none(mask: list[list[int]], words: str) -> None:
    with pytest.raises(NexusError, match=words):
        nexus.random_model(CONFIG)([TOKENS], "reference", attention_mask=mask)


def test_embeddings_are_pooled_states() -> None:
    model = nexus.random_model(BERT)
    states = model(IDS[:1], "reference").last_hidden_state
    assert states is not None
    mean = states[0].astype(np.float64).mean(0)
    found = model.embed(IDS, "reference", attention_mask=MASK)
    assert found.shape == (3, 4)
    np.testing.assert_allclose(found[0], mean / np.linalg.norm(mean), rtol=0, atol=1e-5)
    first = model.embed(IDS[:1], "reference", pooling="cls", normalised=False)
    np.testing.assert_array_equal(first[0], states[0, 0])
    np.testing.assert_array_equal(model.embed(IDS[:1], "bitsliced"), found[:1])
    with pytest.raises(NexusError, match="pooling is 'max', must be one of mean, cls"):
        model.embed(IDS[:1], "reference", pooling="max")  # type: ignore[arg-type]


def test_a_checkpoint_says_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, weights(), tie_word_embeddings=True)
    found = nexus.check(tmp_path, context=99)
    layer = 4 * 4 * 4 + 3 * 4 * 6
    assert (found.kind, found.layers, found.context) == ("llama", 2, 8)
    assert found.macs == 2 * layer + 7 * 4 + 2 * 2 * 2 * 2 * 8
    assert found.parameters == 7 * 4 + 2 * (layer + 8) + 4
    assert 0 < found.seconds["reference"] < found.seconds["bitsliced"] < found.seconds["membrane"]
    assert "takes token ids and no text" in found.text
    from lava_nexus.cli import main

    monkeypatch.setattr("sys.argv", ["lava-nexus"])
    with pytest.raises(SystemExit) as ended:
        main("check", str(tmp_path), "--context", "4")
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert "llama, 2 layers of width 4" in told and "no use for: 'lm_head.weight'" in told
    with pytest.raises(NexusError, match="context 0 is below 1"):
        nexus.check(tmp_path, context=0)
