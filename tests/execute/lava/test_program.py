"""A whole program on Lava against reference and bit-sliced executors; what it does when a layer fails."""

from __future__ import annotations

import os
import re
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("lava")

from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.executor import LEVELS, BankTally, Tally
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.lava import LavaExecutor, run_on_lava
from lava_nexus.execute.lava.partition import Block, partition
from lava_nexus.execute.lava.processes import operators
from lava_nexus.execute.lava.processes.operators import Linear
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import FLOAT8_E4M3FN
from lava_nexus.programs import LayerShape, Program, Writer, linear, transformer_layer
from lava_nexus.programs.excerpt import segments
from tests.execute.lava.leftovers import children

FMT = FLOAT8_E4M3FN
TOKENS, WIDTH, HIDDEN = 2, 8, 4


def small_program(seed: int = 0) -> Program:
    """A linear layer, a block and a second reader of the block's input, in FP8."""
    rng = np.random.default_rng(seed)
    w = Writer(Program("small"), FMT)

    def weight(*shape: int):
        return w.constant(rng.normal(0, 0.6, shape))

    x = w.program.input("x", (TOKENS, WIDTH), FMT)
    h = linear(w.inside("embedding"), x, weight(WIDTH, WIDTH), weight(WIDTH))
    shapes = {
        "attention_norm": (WIDTH,),
        **{role: (WIDTH, WIDTH) for role in ("query", "key", "value", "output")},
        "feed_forward_norm": (WIDTH,),
        "gate": (HIDDEN, WIDTH),
        "up": (HIDDEN, WIDTH),
        "down": (WIDTH, HIDDEN),
    }
    weights = {f"{role}.weight": weight(*shape) for role, shape in shapes.items()}
    shape = LayerShape(2, 2, WIDTH // 2, 0.5, "pre_norm", "rms", 0.01, "silu", gated=True, causal=False)
    w.program.outputs["block"], _ = transformer_layer(w.inside("block0"), h, weights, shape)
    w.program.outputs["embedded"] = w.inside("last").reshape(h, TOKENS * WIDTH)
    return w.program


def random_feeds(sets: int) -> dict[str, np.ndarray]:
    return {"x": FMT.to_patterns(np.random.default_rng(1).normal(0, 1, (sets, TOKENS, WIDTH)).astype(FMT.dtype))}


def counts(layers):
    """(invocations, spikes of every signal) by layer and circuit, layers without a circuit left out."""
    return {
        (layer, tally.circuit.digest): (tally.invocations, tally.signal_spikes.tolist())
        for layer, tallies in layers.items()
        for tally in tallies
    }


@pytest.mark.parametrize(
    ("level", "processes", "parts", "inside"),
    [("word", 20, 16, "block0.attention.softmax"), ("vectorised neurons", 6, 7, "block0.attention")],
)
def test_bits_and_counts(level, processes, parts, inside):
    program, feeds, before = small_program(), random_feeds(5), children()
    got = run_on_lava(program, feeds, batch=2, level=level, processes=processes, timeout=60)
    want, counted = run_program(program, feeds, ReferenceExecutor()), run_program(program, feeds, BitslicedExecutor())
    assert set(got.outputs) == {"block", "embedded"}
    for name, patterns in want.outputs.items():
        assert got.outputs[name].dtype == patterns.dtype
        assert np.array_equal(got.outputs[name], patterns)
    assert len(np.unique(want.outputs["block"])) > 10
    assert counts(got.layers) == counts(counted.layers)
    assert list(got.layers) == list(counted.layers)
    assert sum(t.synops for t in got.tallies) == sum(t.synops for t in counted.tallies)
    assert (got.time_steps, got.processes) == (3, parts + 4)  # encoder, decoder, Lava's service and memory
    assert len(got.levels) == parts
    assert (inside, {"word": "word logic"}.get(level, level)) in got.levels
    assert children() <= before


def test_a_failing_layer_is_named_and_leaves_nothing(monkeypatch):
    def faulty(program, feeds, executor):
        if program.name == "block0.feed_forward.up":
            raise ValueError("weights are gone")
        return run_program(program, feeds, executor)

    monkeypatch.setattr(operators, "run_program", faulty)
    before = children()
    with pytest.raises(NexusError) as caught:
        run_on_lava(small_program(), random_feeds(2), batch=2, timeout=60)
    assert str(caught.value) == (
        "Lava Process Linear failed: layer 'block0.feed_forward.up': ValueError: weights are gone"
    )
    assert children() <= before


@pytest.mark.parametrize("processes", range(1, 18))
def test_partition_keeps_every_node_and_the_limit(processes):
    program = small_program()
    parts = partition(program, processes)
    (block,) = (part for part in parts if isinstance(part, Block))
    assert len(block.segments) == (15 if processes >= 15 else 6 if processes >= 6 else 1)
    flat = [s for part in parts for s in (part.segments if isinstance(part, Block) else [part])]
    results = [node.result.number for s in flat for node in s.program.nodes]
    assert sorted(results) == [node.result.number for node in program.nodes]
    assert {s.kind for s in flat if "." not in s.name} <= {"linear", "norm", "residual", "other"}


def test_wires_do_not_become_processes():
    names = [s.name for part in partition(small_program(), 20) for s in getattr(part, "segments", (part,))]
    assert "block0.attention" not in names and "last" not in names
    w = Writer(Program("wires first"), FMT)
    x = w.program.input("x", (4,), FMT)
    w.program.outputs["y"] = w.inside("double").apply("add", *[w.inside("turn").reshape(x, 2, 2)] * 2)
    (part,) = partition(w.program, 20)
    assert (part.name, len(part.program.nodes)) == ("double", 2)


def test_layers_that_wait_for_each_other():
    w = Writer(Program("knot"), FMT)
    x = w.program.input("x", (2,), FMT)
    one, two = w.inside("one"), w.inside("two")
    w.program.outputs["y"] = one.apply("add", two.apply("add", one.apply("add", x, x), x), x)
    with pytest.raises(NexusError, match="program 'knot': layers '(one' and 'two|two' and 'one)' wait for each other"):
        partition(w.program, 20)


def test_user_mistakes(monkeypatch):
    program, feeds, before = small_program(), random_feeds(2), children()
    with pytest.raises(NexusError, match="program 'small' misses its input 'x'"):
        run_on_lava(program, {})
    with pytest.raises(NexusError, match=r"input 'x' of program 'small' has shape \(8, 2\)"):
        run_on_lava(program, {"x": feeds["x"].swapaxes(1, 2)})
    with pytest.raises(NexusError, match="inputs of program 'small' hold no element"):
        run_on_lava(program, {"x": feeds["x"][:0]})
    with pytest.raises(NexusError, match="operator Process's level 'lif' is not one of word, vectorised"):
        run_on_lava(program, feeds, level="lif")
    with pytest.raises(NexusError, match="batch 0 of Lava Process encoder is below 1"):
        run_on_lava(program, feeds, batch=0)
    with pytest.raises(NexusError, match="limit of 0 processes a block is below 1"):
        run_on_lava(program, feeds, processes=0)
    with pytest.raises(NexusError, match="operator Process's level 'fast'"):
        Linear(segments(program)[0], batch=1, level="fast")
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=1, f_frsize=4096))
    with pytest.raises(NexusError, match="batch 2 needs 0.0 MB of shared memory for spikes, /dev/shm has 0.0 MB"):
        run_on_lava(program, feeds)
    assert children() <= before


def test_silence_after_the_last_element_is_not_counted():
    """7 elements in steps of 4: the adder is invoked for 7, though it would answer -1 to silence, too."""
    w = Writer(Program("sum"), FMT)
    x = w.program.input("x", (3,), FMT)
    w.program.outputs["y"] = w.inside("sum").of_kind("residual").apply("add", x, w.constant(np.full(3, -1.0)))
    patterns = np.arange(21, dtype=np.uint8).reshape(7, 3)
    got = run_on_lava(w.program, {"x": patterns}, batch=4)
    (tally,) = got.layers["sum"]
    assert (tally.invocations, got.time_steps) == (21, 2)
    assert np.array_equal(got.outputs["y"], circuit("add", FMT).golden(patterns, np.full_like(patterns, 0xB8)))


@pytest.mark.parametrize("level", ["word logic", "vectorised"])
def test_constant_weights_run_on_the_neurons_of_the_level(level):
    rng = np.random.default_rng(2)
    w = Writer(Program("constant"), FMT, weights="constant").inside("layer").of_kind("linear")
    x = w.program.input("x", (2, 4), FMT)
    w.program.outputs["y"] = linear(w, x, w.constant(rng.normal(0, 1, (3, 4))))
    feeds, before = {"x": FMT.to_patterns(rng.normal(0, 1, (5, 2, 4)).astype(FMT.dtype))}, children()
    got = run_on_lava(w.program, feeds, batch=2, level=level, timeout=60)
    counting = BitslicedExecutor() if level == "word logic" else MembraneExecutor()
    want = run_program(w.program, feeds, counting)
    assert np.array_equal(got.outputs["y"], run_program(w.program, feeds, ReferenceExecutor()).outputs["y"])
    for mine, theirs in zip(got.layers["layer"], want.layers["layer"], strict=True):
        assert (mine.circuit.digest, mine.invocations) == (theirs.circuit.digest, theirs.invocations)
        assert mine.spikes and (mine.spikes, mine.synops, mine.active) == (theirs.spikes, theirs.synops, theirs.active)
    assert {type(tally) for tally in got.layers["layer"]} == {Tally, BankTally}
    assert children() <= before


@pytest.mark.wide
def test_some_layers_as_neurons_beside_word_logic():
    """The block's norm and projection in Lava's own time steps: bits, counts and levels; the rest stays word logic."""
    program, feeds, before = small_program(), random_feeds(2), children()
    chosen = ("block0.attention_norm", "block0.attention.query")
    with LavaExecutor("word", batch=2, timeout=60, neurons=chosen) as lava:
        got = run_program(program, feeds, lava)
    counted = run_program(program, feeds, BitslicedExecutor())
    for name, patterns in counted.outputs.items():
        assert np.array_equal(got.outputs[name], patterns)
    assert counts(got.layers) == counts(counted.layers)
    levels = dict(got.levels)
    assert {layer for layer, level in levels.items() if level == LEVELS["neurons"]} == set(chosen)
    assert levels["block0.attention.softmax"] == "word logic"
    (note,) = got.notes
    taken, predicted = (int(n.replace(",", "")) for n in re.findall(r"([\d,]+) (?:of Lava|predicted)", note))
    assert taken == predicted > 500
    with pytest.raises(NexusError, match="has no layer 'head' to run as neurons; it has embedding"):
        run_program(program, feeds, LavaExecutor("word", neurons=("head",)))
    assert children() <= before
