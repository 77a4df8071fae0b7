"""A decoder that runs by itself: the bits of `generate`, steps as its structure says, only ids at its edge."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.chip.autonomous.network import AutonomousNetwork
from lava_nexus.chip.autonomous.neurons import PARTS
from lava_nexus.errors import NexusError
from lava_nexus.execute.autonomous import (
    END,
    FULL,
    NOT_A_NUMBER,
    SETTLING,
    SPACING,
    AutonomousRun,
    every_step,
    prompt_spikes,
)
from lava_nexus.execute.changes import ChangeLine
from lava_nexus.models.autonomous import Autonomous
from lava_nexus.models.model import Model
from lava_nexus.models.stages import forward_stages
from lava_nexus.models.stream import cache_of
from lava_nexus.models.tensors import RandomTensors, Shape, Weights

SIZES: dict[str, Any] = {
    "hidden_size": 4, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "intermediate_size": 6,
    "num_hidden_layers": 2, "vocab_size": 7, "max_position_embeddings": 9, "rms_norm_eps": 1e-2, "eos_token_id": 6,
}  # fmt: skip
LENGTH = 9


class Loud(RandomTensors):
    """Weights large enough that tokens attend to each other."""

    def rows(self, name: str, shape: Shape, rows: Any) -> Weights:
        return np.asarray(super().rows(name, shape, rows) * np.float32(1.0 if "norm" in name else 40.0))


def model(seed: int = 1, fmt: str = "float8_e4m3fn", kind: str = "llama") -> Model:
    made = nexus.random_model({"model_type": kind, **SIZES}, format=fmt, norm_format=fmt)
    return Model(made.spec, Loud(seed), made.arithmetic)


@cache
def small(kind: str = "llama") -> Autonomous:
    return nexus.autonomous(model(kind=kind), max_length=LENGTH, prompt=4, block=4)


def hold(of: Autonomous, run: AutonomousRun) -> None:
    """Tokens, every word of the caches and steps, against the reference and the prediction."""
    prompt = list(run.prompt)
    want = of.model.generate(prompt, LENGTH + 1 - len(prompt)).tokens[len(prompt) :]
    assert list(run.tokens) == want.tolist()
    passed = np.array([[*run.prompt, *run.tokens[:-1]]])
    forward = of.model.forward(nexus.executor("reference"))
    stages = forward_stages(of.model.spec, passed.shape[1], logits="last", keep=True)
    caches = cache_of(forward.through(stages, forward.enter(passed))[0])
    assert caches.keys() == run.caches.keys()
    for name, patterns in caches.items():
        assert np.array_equal(run.caches[name], patterns[0]), name
    assert run.taken == run.predicted


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
def test_sequences_back_to_back_have_the_bits_of_generate(kind: str) -> None:
    session = small(kind).session()
    for prompt in ([5, 0, 2, 1], [3]) if kind == "llama" else ([1, 2],):
        hold(small(kind), session.sequence(prompt))


def test_it_stops_at_an_end_token_at_the_last_position_and_at_nan() -> None:
    for seed, stop, count in ((10, END, 2), (3, FULL, 4)):
        of = nexus.autonomous(model(seed, "float8_e5m2"), max_length=4, prompt=1)
        run = of.run([3])
        assert (run.stop, len(run.tokens)) == (stop, count)
        assert list(run.tokens) == of.model.generate([3], 4).tokens[1:].tolist()
    with pytest.warns(RuntimeWarning, match="infinite or NaN"):
        assert "out of range" in model(0).generate([3], 1).stop
    lost = nexus.autonomous(model(0), max_length=4, prompt=1).run([3])
    assert (lost.stop, lost.tokens, lost.received["nan"]) == (NOT_A_NUMBER, (), 1)


def test_changes_give_the_spikes_of_every_step() -> None:
    sizes = {**SIZES, "hidden_size": 2, "head_dim": 2, "num_hidden_layers": 1, "num_attention_heads": 1}
    least = nexus.random_model({"model_type": "llama", **sizes}, format="float8_e5m2", norm_format="float8_e5m2")
    network = nexus.autonomous(least, max_length=2, prompt=1).network
    fed = prompt_spikes(network, [2], 3)
    steps = int(fed[-1, 0]) + network.predicted(2) + 20
    rows = np.zeros((steps, network.n_inputs), np.int8)
    rows[fed[:, 0], fed[:, 1]] = 1
    watched = np.array([s for port in network.outputs for s in port.signals])
    counts, trains = every_step(network, rows, watched)
    line = ChangeLine(network, watched, np.zeros(0, np.int64))
    events = line.run(steps - 1, fed)
    assert np.array_equal(line.counts, counts)
    began = np.argwhere(np.diff(trains, axis=0, prepend=0) > 0)
    assert [(e.step, e.signal) for e in events] == [(t, watched[i]) for t, i in began.tolist()]
    assert line.active.sum() >= counts[network.n_inputs :].sum()


def test_nothing_but_ids_and_a_start_spike_comes_in() -> None:
    of = small()
    assert {port.name: port.width for port in of.network.inputs} == {"go": 1, "put": 1, "bits": 3, "zeros": 3}
    assert {port.name: port.width for port in of.network.outputs} == {
        "token": 3, "token_zeros": 3, "valid": 1, "done": 1, "nan": 1, "fault": 1,
    }  # fmt: skip
    assert of.ports().keys() == {port.name for port in (*of.network.inputs, *of.network.outputs)}
    fed = prompt_spikes(of.network, [5, 0, 2], 0)
    begun = int(fed[:, 0].max())
    line = of.session().line
    line.run(begun, fed)
    line.run(begun + of.network.predicted(LENGTH) + 10)  # the host is cut off: not a spike in any of these steps
    assert line.counts[: of.network.n_inputs].sum() == len(fed)
    run = of.run([5, 0, 2])
    assert run.sent == {"go": 1, "put": 3, "bits": 3, "zeros": 6}
    assert run.received["valid"] == len(run.tokens)
    assert run.received["token"] == sum(bin(token).count("1") for token in run.tokens)
    assert run.received["token"] + run.received["token_zeros"] == 3 * len(run.tokens)
    assert run.received["fault"] == 0


@cache
def least() -> Autonomous:
    sizes = {**SIZES, "hidden_size": 2, "head_dim": 2, "intermediate_size": 2, "num_hidden_layers": 1, "vocab_size": 5}
    sizes |= {"num_attention_heads": 1, "max_position_embeddings": 4, "eos_token_id": 4}
    made = nexus.random_model({"model_type": "llama", **sizes}, seed=5, format="float8_e4m3fn")
    return nexus.autonomous(made, max_length=4, prompt=3, block=2)


PROMPTS = ([2, 0], [3])


def control(network: AutonomousNetwork) -> np.ndarray[Any, Any]:
    """The host's lines, every neuron of control, and the start spikes of circuits."""
    own = network.n_inputs + np.flatnonzero(network.part == PARTS.index("control"))
    return np.concatenate([np.arange(network.n_inputs), own, [strobe for _, strobe, _ in network.units]])


def told(fault: tuple[int, int] | int) -> bool:
    """Whether a fault ends in a sentence; if not, both sequences have every bit that they have without it."""
    session = least().session()
    if isinstance(fault, int):
        session.line.silence(fault)
    else:
        session.line.lose(*fault)
    for prompt, want in zip(PROMPTS, unharmed(), strict=True):
        try:
            run = session.sequence(prompt)
        except NexusError as error:
            assert "lost a spike" in str(error) and "not to be used" in str(error)
            return True
        assert (run.tokens, run.stop, run.taken, run.at) == (want.tokens, want.stop, want.taken, want.at), fault
        assert all(np.array_equal(run.caches[name], array) for name, array in want.caches.items()), fault
    return False


@cache
def unharmed() -> list[AutonomousRun]:
    session = least().session()
    return [session.sequence(prompt) for prompt in PROMPTS]


@cache
def trains() -> dict[int, list[int]]:
    """The steps of both sequences in which each spike train of control begins."""
    network = least().network
    done = next(port.signals[0] for port in network.outputs if port.name == "done")
    line, found = ChangeLine(network, control(network), np.array([done])), dict[int, list[int]]()
    for prompt, run in zip(PROMPTS, unharmed(), strict=True):
        fed = prompt_spikes(network, prompt, line.step + 1 + SPACING)
        for step, signal in fed.tolist():
            found.setdefault(signal, []).append(step)
        for event in line.run(int(fed[-1, 0]) + run.taken, fed):
            found.setdefault(event.signal, []).append(event.step)
        line.run(line.step + SETTLING)
    return found


def test_a_lost_spike_of_control_ends_in_a_sentence_or_changes_nothing() -> None:
    network, begun = least().network, trains()
    rng = np.random.default_rng(0)
    lost = {signal: told((signal, int(rng.choice(steps)))) for signal, steps in begun.items() if signal % 23 == 0}
    chain = [told_of for signal, told_of in lost.items() if signal in set(network.chain.tolist())]
    assert len(chain) > 35 and all(chain)
    starts = {strobe: name for name, strobe, depth in network.units if depth and strobe in begun}
    assert starts and all(told((strobe, step)) for strobe in starts for step in begun[strobe][:1])
    assert len(begun) > 1900 and sum(lost.values()) > 0.97 * len(lost)
    for port in network.inputs:
        heard = [signal for signal in port.signals if signal in begun]
        assert heard and all(told((signal, begun[signal][0])) for signal in heard), port.name
    for port in network.outputs[:4]:  # token, its zeros, valid, done
        heard = [signal for signal in port.signals if signal in begun]
        assert heard and all(told(signal) for signal in heard), port.name


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_every_spike_of_control_is_missed_where_it_is_lost(part: int) -> None:
    network, begun = least().network, trains()
    mine = {signal: steps for signal, steps in begun.items() if signal % 8 == part}
    lost = [told((signal, step)) for signal, steps in mine.items() for step in steps]
    assert len(lost) > 1_000 and sum(lost) > 0.97 * len(lost)
    rng = np.random.default_rng(part)
    for signal in control(network)[part::8].tolist():
        told((signal, int(rng.integers(unharmed()[0].taken))))
        if signal >= network.n_inputs:
            told(signal)


@pytest.mark.wide
def test_core_by_core_in_lava_every_neuron_fires_as_often() -> None:
    pytest.importorskip("lava")
    in_lava = pytest.importorskip("lava_nexus.execute.lava.autonomous")
    sizes = {**SIZES, "hidden_size": 2, "head_dim": 2, "num_hidden_layers": 1, "num_attention_heads": 1}
    least = nexus.random_model({"model_type": "llama", **sizes}, format="float8_e5m2", norm_format="float8_e5m2")
    of = nexus.autonomous(least, max_length=2, prompt=1)
    run = of.run([2])
    found = in_lava.run_in_lava(of.placed, run)
    assert (found.tokens, found.at, found.taken) == (run.tokens, run.at, run.taken)
    assert np.array_equal(found.counts, run.counts)


def test_counts_by_part_and_limits_of_cores() -> None:
    of = small()
    parts = of.network.parts()
    assert parts.keys() == set(PARTS)
    assert sum(parts.values()) == of.network.neurons
    assert not of.placed.demand.over(of.chip).any()
    run = of.run([1, 2])
    assert all(run.active[part] >= run.spikes[part] > 0 for part in PARTS)
    assert "neurons" in repr(of)


def test_mistakes_are_one_sentence() -> None:
    run = small().run
    for prompt, words in (([], "prompt of 0 tokens"), ([1] * 5, "prompt of 5 tokens"), ([7], "token 7")):
        with pytest.raises(NexusError, match=words):
            run(prompt)
    with pytest.raises(NexusError, match="max_length 10 is not in 2 .. 9"):
        nexus.autonomous(model(), max_length=10)
    exact = nexus.random_model({"model_type": "llama", **SIZES}, accumulate="exact")
    with pytest.raises(NexusError, match="other arithmetic than gates with sequential sums"):
        nexus.autonomous(exact, max_length=4)
    encoder = nexus.random_model({"model_type": "bert", **SIZES, "type_vocab_size": 2, "layer_norm_eps": 1e-5})
    with pytest.raises(NexusError, match="no language-model head"):
        nexus.autonomous(encoder, max_length=4)


def test_the_decoder_that_ships_writes_words() -> None:
    tiny, characters = nexus.tiny_decoder()
    given = [characters.index(c) for c in "Reada"]
    text = "".join(characters[i] for i in tiny.generate(given, 16).tokens)
    assert text == "Readability counts.\n"
