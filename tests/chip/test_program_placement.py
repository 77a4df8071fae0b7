from __future__ import annotations

from collections import Counter
from math import prod

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.chip.checker import check_schedule
from lava_nexus.chip.description import LIMITS, load_chip
from lava_nexus.chip.layout import layout
from lava_nexus.chip.mapper import Mapper
from lava_nexus.chip.packing import Piece, pack
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.chip.surroundings import counter, register_cells, register_gates, selector
from lava_nexus.chip.workload import Memory, Strategy
from lava_nexus.errors import NexusError
from lava_nexus.execute.membrane.executor import measured_spikes
from lava_nexus.models.placing import token_workload
from lava_nexus.programs import Program
from tests.chip.chips import small_chip
from tests.chip.programs import block_program, linear_program

FP8 = nexus.FLOAT8_E4M3FN
SIZES = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "vocab_size": 40,
}
MODEL = nexus.random_model(
    {"model_type": "qwen3", **SIZES, "max_position_embeddings": 9, "rms_norm_eps": 1e-6}, format=FP8
)
PARAMETERS = sum(prod(shape) for name, shape in MODEL.spec.tensors.items() if "embed_tokens" not in name)


@pytest.fixture(scope="module")
def mapper() -> Mapper:
    return Mapper(token_workload(MODEL, 5), load_chip(), measured_spikes, sets=16)


def test_strategies(mapper):
    unrolled, folded = mapper.place(Strategy.of("unrolled")), mapper.place(Strategy.of("folded: 8"))
    fitted = mapper.place(Strategy.of("fit: chips=2"))
    for placed in (unrolled, folded, fitted):
        for schedule, _ in placed.schedules:
            check_schedule(schedule)
        for template, row in zip(placed.cores, placed.utilization(), strict=True):
            assert template.count > 0
            assert set(row) == {*LIMITS, "neurons_stated"}
            assert all(0 <= used <= most for used, most in row.values())
    assert [c.instances for c in unrolled.circuits if c.arithmetic] == [n for _, n in mapper.circuits.values()]
    assert unrolled.interval == 1
    assert folded.interval == 8
    assert fitted.chips <= 2
    assert mapper.folded(fitted.folding - 1).chips > 2
    assert unrolled.steps <= folded.steps
    assert unrolled.chips > folded.chips


def test_every_piece_is_on_a_core(mapper):
    placed = mapper.folded(8)
    held: Counter[str] = Counter()
    for template in placed.cores:
        for name, count in template.pieces:
            held[name.partition(",")[0]] += count * template.count
    for digest, (circuit, count) in mapper.circuits.items():
        parts = len(mapper.template(digest).places)
        assert held[circuit.label] == parts * -(-count // 8)
    assert placed.neurons == sum(t.used["neurons"] * t.count for t in placed.cores)


def test_counts_of_a_model_by_hand(mapper):
    """Multiplications of one token: layers, last norm and head."""
    s, of, context = MODEL.spec, MODEL.spec.shape, 5
    inner, shared = of.heads * of.head_dim, of.kv_heads * of.head_dim
    matrices = s.width * (2 * inner + 2 * shared + 3 * s.hidden)
    norms = 2 * s.width + 2 * s.width + 2 * (inner + shared) + (2 + of.heads + of.kv_heads)
    rotary = 2 * (inner + shared)
    attention = 2 * inner * context + of.heads * context
    layer = matrices + norms + rotary + attention + s.hidden
    head = s.vocabulary * s.width + 2 * s.width + 1
    counted = sum(count for circuit, count in mapper.circuits.values() if circuit.name == "mul")  # norms are wider
    assert counted == s.layers * layer + head
    assert mapper.workload.words("weights") == PARAMETERS
    assert mapper.workload.words("cache") == s.layers * 2 * shared * (context - 1)


def test_saved_and_loaded(mapper, tmp_path):
    placed = mapper.folded(8)
    again = ProgramPlacement.load(placed.save(tmp_path / "placed.json"))
    assert again == placed
    assert again.utilization() == placed.utilization()
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(NexusError, match="holds no placement of a program"):
        ProgramPlacement.load(tmp_path / "bad.json")
    with pytest.raises(NexusError, match="does not exist"):
        ProgramPlacement.load(tmp_path / "none.json")
    text = (tmp_path / "placed.json").read_text()
    (tmp_path / "placed.json").write_text(text.replace('"neurons": 1', '"neurons": 2', 1))
    with pytest.raises(NexusError, match="holds no placement of a program: it is damaged: its content has another SHA"):
        ProgramPlacement.load(tmp_path / "placed.json")


def test_what_does_not_fit_says_by_how_much_and_what_would(mapper):
    tiny = Mapper(linear_program(FP8), small_chip(neurons=64), measured_spikes, sets=4)
    fewest = min((tiny.folded(tiny.most_folding >> i) for i in range(7)), key=lambda one: one.core_count)
    assert fewest.chips > 1
    with pytest.raises(
        NexusError, match=rf"needs {fewest.core_count} cores .*, {fewest.core_count - 8} more .* chips={fewest.chips}"
    ):
        tiny.place(Strategy.of("fit: chips=1"))
    with pytest.raises(NexusError, match=r"'big' uses 5000 of the 4096 neurons of a core of loihi2, 904 too many"):
        pack([Piece("big", "big", 5000, 0, 1, 1, 1, 0.0, 1)], load_chip())


@pytest.mark.parametrize(
    "text", ["folded", "folded: 0", "folded: -1", "fit: 3", "fit: chips=0", "rolled", "folded: 1.5"]
)
def test_strategies_that_do_not_exist(text):
    with pytest.raises(NexusError, match="strategy"):
        Strategy.of(text)


def test_place_takes_programs(mapper):
    program = block_program(FP8)
    placed = nexus.place(program, strategy="fit: chips=1", sets=4)
    assert placed.chips == 1
    assert placed.traffic.inter_chip_most == 0
    assert placed.io.words_in["weights"] == sum(c.size for c in program.constants.values() if c.size > 1)
    assert placed.io.words_out == {"outputs": prod(program.outputs["y"].shape)}
    with pytest.raises(NexusError, match="takes its chips by strategy"):
        nexus.place(program, chips=1)
    with pytest.raises(NexusError, match="has no strategy"):
        nexus.place(nexus.circuit("neg", FP8), strategy="unrolled")
    with pytest.raises(NexusError, match="invokes no circuit"):
        nexus.place(Program("empty"))


def test_the_layout_gives_every_core_its_place(mapper):
    placed = mapper.place(Strategy.of("fit: chips=2"))
    found = layout(mapper, placed)
    assert len(found.places) == placed.core_count == len({tuple(place) for place in found.places.tolist()})
    assert np.array_equal(np.bincount(found.template), [template.count for template in placed.cores])
    assert found.inter_chip <= found.messages


def test_weights_and_cache_on_the_chip():
    workload = token_workload(MODEL, 5)
    outside = Mapper(workload, load_chip(), measured_spikes, sets=16).folded(8)
    memory = Memory("chip", "chip", "chip")
    inside = Mapper(workload, load_chip(), measured_spikes, sets=16, memory=memory).folded(8)
    names = {one.label.partition(",")[0]: one for one in inside.circuits}
    assert names["weight table"].instances * int(names["weight table"].label.split()[2]) >= PARAMETERS
    assert inside.neurons > outside.neurons
    assert "weights" not in inside.io.words_in
    assert set(outside.io.words_in) == {"weights", "cache", "inputs"}


@pytest.mark.parametrize(("held", "data", "load"), [(h, d, c) for h in (0, 1) for d in (0, 1) for c in (0, 1)])
def test_a_register_holds_until_it_is_loaded(held, data, load):
    chosen, clear = _outputs(register_gates(1), data, load)
    (after,) = _outputs(register_cells(1), chosen, held, clear)
    assert after == (data if load else held)


def test_a_selector_lets_one_word_through():
    words = [0b1010, 0b0110, 0b0001]
    for i, word in enumerate(words):
        (chosen,) = _outputs(selector(3, 4), *words, 1 << i)
        assert chosen == word << 4 * i  # the others are silent


def test_a_counter_counts():
    value = 0
    for step in range(1, 20):
        (value,) = _outputs(counter(4), value, 1, 0)
        assert value == step % 16
    assert _outputs(counter(4), value, 0, 0) == [value]
    assert _outputs(counter(4), value, 1, 1) == [0]


def _outputs(network, *operands):
    """Output words of a network for one operand set, by the definition of a neuron."""
    fired = np.zeros(network.n_signals, np.int64)
    for port, word in zip(network.inputs, operands, strict=True):
        fired[list(port.signals)] = [word >> (port.width - 1 - i) & 1 for i in range(port.width)]
    for k in range(network.neurons):
        sources, weights = network.synapses_of(k)
        fired[network.n_inputs + k] = int(weights @ fired[sources] >= network.thresholds[k])
    return [sum(int(fired[s]) << (p.width - 1 - i) for i, s in enumerate(p.signals)) for p in network.outputs]


def test_the_layout_of_a_program_that_is_built_is_its_own():
    mapper = Mapper(linear_program(FP8), load_chip("loihi2"), measured_spikes, sets=16)
    placed = mapper.place(Strategy.of("folded: 16"))
    drawn = layout(mapper, placed)
    assert placed.machine is not None and np.array_equal(drawn.places, placed.machine.places)
    assert len(drawn.template) == placed.core_count and drawn.messages == placed.machine.expected_messages
