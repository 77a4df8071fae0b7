"""Native layers on cores: limits counted anew on the network itself, steps, samples, words that neurons hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from lava_nexus.chip import Mapper, Memory, Strategy, Workload, load_chip, place_program
from lava_nexus.chip.checker import check_schedule
from lava_nexus.chip.native import native_template
from lava_nexus.chip.packing import level, pack, spread
from lava_nexus.chip.pairs import pair_template
from lava_nexus.chip.workload import cached_values
from lava_nexus.circuits.native import NativeLayer
from lava_nexus.circuits.native_sample import SampledPart, sampled_layer
from lava_nexus.energy import energy_of
from lava_nexus.errors import NexusError
from lava_nexus.execute.membrane.executor import measured_spikes
from lava_nexus.execute.native.activity import measured_activity
from lava_nexus.formats import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, FloatFormat
from lava_nexus.models.model import Model, random_model
from lava_nexus.models.placing import place, token_workload
from lava_nexus.populations.native.limbs import Limbs
from lava_nexus.populations.native.memory import memory_neuron, words_of
from lava_nexus.populations.native.pairs import Pairs, product_neuron
from lava_nexus.populations.stateful import ranges
from lava_nexus.programs import Program, Writer
from lava_nexus.programs.native import PairLayer
from tests.chip.chips import small_chip

_NEURONS = Memory(weights="chip", cache="chip", words="neurons")


def layer_of(outputs: int, inputs: int, fmt: FloatFormat = BFLOAT16, **more: int) -> NativeLayer:
    weights = np.random.default_rng(0).standard_normal((outputs, inputs)).astype(np.float32).astype(fmt.dtype)
    weights[0, 0] = 0  # with neurons of signs
    return NativeLayer(Limbs(fmt, fmt, fmt, fmt.to_patterns(weights), "here", **more))


def linear(outputs: int = 24, inputs: int = 16) -> Program:
    w = Writer(Program("linear"), BFLOAT16, accumulate="exact", product="native").inside("here")
    x = w.program.input("x", (1, inputs), BFLOAT16)
    weights = np.random.default_rng(0).standard_normal((outputs, inputs)).astype(np.float32)
    w.program.outputs["y"] = w.contract(x, w.constant(weights))
    return w.program


def mapper_of(subject: Program | Workload) -> Mapper:
    return Mapper(subject, load_chip(), measured_spikes, sets=8, memory=_NEURONS, activities=measured_activity)


@pytest.mark.parametrize("fmt", [BFLOAT16, FLOAT32], ids=str)
def test_limbs_of_a_core_are_those_of_the_network(fmt):
    layer = layer_of(48, 40, fmt)
    chip = small_chip(synapse_words=300)
    placed = native_template(layer.core, chip, measured_activity(layer.core, 4))
    tiles = [piece for piece in placed.pieces if "limbs" in piece.name]
    network, (group,) = layer.network.populations, layer.limbs.groups
    names = [p.name for p in network.populations]
    sources, rows = [], []
    for p in network.projections:
        if names[p.target] == "accumulator.0":
            sources.append(p.columns)
            rows.append(p.rows)
    source, row = np.concatenate(sources), np.concatenate(rows)
    (tile,) = tiles
    assert tile.count > 1 and tile.neurons * tile.count >= 48 > tile.neurons * (tile.count - 1)
    most = 0
    for first in range(0, 48, tile.neurons):
        held = (row >= first) & (row < first + tile.neurons)
        axons, sizes = np.unique(source[held], return_counts=True)
        words = int((-(-sizes // 4)).sum())
        assert words <= tile.synapse_words <= 300
        assert len(axons) <= tile.axons_in == group.stop
        most = max(most, words)
    assert most == tile.synapse_words
    assert placed.cores == tile.count and placed.apart >= placed.cores
    assert 1 << tile.delay_bits > layer.limbs.span - 1


def test_work_of_a_placed_layer_is_that_of_its_run():
    layer = layer_of(40, 24)
    activity = measured_activity(layer.core, 16)
    placed = native_template(layer.core, load_chip(), activity)
    core = layer.network
    assert placed.synops * 16 == pytest.approx((activity.spikes * core.fan_out).sum())
    assert placed.spikes * 16 == pytest.approx(activity.spikes[core.n_inputs :].sum())
    assert placed.active * 16 == sum(activity.active.values())
    assert sum(p.neurons * p.count for p in placed.pieces) >= core.neurons


def test_a_sample_stands_for_the_layer():
    sample = sampled_layer(BFLOAT16, 1024, 64)
    rng = np.random.default_rng(1)
    weights = (rng.standard_normal((1024, 64)) / 8).astype(np.float32).astype(BFLOAT16.dtype)
    whole = NativeLayer(Limbs(BFLOAT16, BFLOAT16, BFLOAT16, BFLOAT16.to_patterns(weights), "whole"))
    chip = load_chip()
    found, real = (native_template(one.core, chip, measured_activity(one.core, 32)) for one in (sample, whole))
    assert sample.core.neurons == whole.core.neurons
    for name in ("synops", "spikes", "active", "messages"):
        assert getattr(found, name) == pytest.approx(getattr(real, name), rel=0.05), name
    assert found.cores == pytest.approx(real.cores, abs=1)
    assert sample.core.digest != sampled_layer(BFLOAT16, 512, 64).core.digest


def test_steps_are_those_of_the_layer():
    mapper = mapper_of(linear())
    placed = mapper.place(Strategy.of("unrolled"))
    node = next(iter(mapper.workload.sections))[0].nodes[0]
    layer = node.product.layer
    # gates take a step at least, and the neurons between them are read in the step after the last digit
    assert placed.steps == layer.depth + 1
    assert placed.interval == layer.network.window
    folded = mapper.place(Strategy.of("folded: 1000"))
    assert folded.steps > placed.steps and folded.neurons < placed.neurons
    names = {one.label for one in placed.circuits if one.arithmetic}
    assert layer.core.label in names and layer.back.label in names
    assert placed.io.words_in == {"inputs": 16}  # the weights are synapses


def test_machine_pays_every_neuron_in_every_step():
    placed = mapper_of(linear()).place(Strategy.of("fit: chips=1"))
    single, streamed = energy_of(placed, "loihi2", pace="single"), energy_of(placed, "loihi2", pace="streamed")
    assert single.placed.updates == placed.neurons * placed.steps
    assert streamed.placed.updates == placed.neurons * placed.interval
    assert single.work.value == pytest.approx(streamed.work.value)
    assert single.machine.value > single.work.value


def test_a_layer_has_neurons_of_its_own():
    shape = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "num_hidden_layers": 2}
    config = {"model_type": "llama", **shape, "vocab_size": 24, "max_position_embeddings": 8, "rms_norm_eps": 1e-6}
    model = random_model(config, format=BFLOAT16, product="native", norm_format=BFLOAT16)
    workload = token_workload(model, 2)
    # query, key, value and output are of one shape, gate and up of another, down and the head by themselves
    linear_layers = {
        digest: n for digest, n in workload.layers.items() if isinstance(workload.invocations[digest][0], SampledPart)
    }
    assert sorted(linear_layers.values()) == [1, 2, 4, 8]
    assert workload.words("weights") == 5 * 16  # norms alone
    instances = mapper_of(workload)._instances(1000)
    assert all(instances[d] == n for d, n in linear_layers.items())
    assert place(linear(), strategy="folded: 1000", sets=4).memory.words == "neurons"
    assert place(linear(), sets=4).memory.words == "gates"  # every neuron is built


def test_cores_are_levelled_on_the_same_chips():
    mapper = mapper_of(linear(200, 100))
    placed = mapper.place(Strategy.of("fit: chips=1"))
    pieces = [p for d in mapper.parts for p in mapper.native(d).pieces]
    packed, spread = pack(pieces, load_chip()), level(pieces, load_chip())
    for name in {p.name for p in pieces}:
        held = [sum(dict(t.pieces).get(name, 0) * t.count for t in one) for one in (packed, spread)]
        assert held[0] == held[1] > 0
    assert max(t.used["neurons"] for t in spread) < max(t.used["neurons"] for t in packed)
    assert placed.chips == 1


def test_a_step_does_not_rest_on_what_the_last_chip_has_left():
    """Static power times time of spread neurons is no more than packed ones have, whatever a division leaves over."""
    chip, mapper = load_chip(), mapper_of(linear(200, 100))
    pieces = [replace(p, count=40 * p.count) for d in mapper.parts for p in mapper.native(d).pieces]

    def static(templates):
        chips = -(-sum(t.count for t in templates) // chip.cores)
        return chips * max(t.load.neurons for t in templates)

    found = spread(pieces, chip)
    assert static(found) <= static(level(pieces, chip)) <= static(pack(pieces, chip))
    for p in pieces:
        assert sum(dict(t.pieces).get(p.name, 0) * t.count for t in found) == p.count


def test_instances_are_dealt_for_a_pace():
    program, chip, found = linear(), load_chip(), {}
    for pace in ("single", "streamed"):
        mapper = Mapper(program, chip, measured_spikes, sets=8, memory=_NEURONS, activities=measured_activity)
        mapper = mapper.at_pace(pace)
        shared = {d: n for d, (_, n) in mapper.workload.invocations.items() if d not in mapper.workload.layers}
        found[pace] = {d: mapper._instances(4)[d] for d in shared}
        assert all(1 <= n <= shared[d] for d, n in found[pace].items())
    assert all(n == -(-shared[d] // 4) for d, n in found["streamed"].items())
    assert found["single"] != found["streamed"]


def test_what_does_not_fit_is_named():
    layer = layer_of(4, 40)
    activity = measured_activity(layer.core, 1)
    with pytest.raises(
        NexusError,
        match="layer 'here': limbs of one sum over a group of 40 inputs take 39 words of synapse memory, beyond the 38",
    ):
        native_template(layer.core, small_chip(synapse_words=38), activity)
    with pytest.raises(NexusError, match="layer 'here': a group of 40 inputs is above the 30 axons into a core"):
        native_template(layer.core, small_chip(axons_in=30), activity)
    with pytest.raises(
        NexusError, match="layer 'here': limbs of its weights lie . bytes apart, beyond the synaptic delay of 2"
    ):
        layer_of(4, 40, FLOAT32, most_delay=2)
    with pytest.raises(NexusError, match="layer 'here': limbs of one input add up to .*, beyond .* can overflow"):
        layer_of(4, 40, potential=1 << 14)
    with pytest.raises(NexusError, match="program 'linear' has native layers, whose activity nobody counts here"):
        place_program(linear(), load_chip(), measured_spikes)


@pytest.mark.parametrize("bits", [16, 32])
def test_neurons_hold_words(bits):
    neuron = memory_neuron(bits)
    ranges(neuron, (0, (1 << 23) - 1))
    rng, halves = np.random.default_rng(bits), bits // 16
    words = rng.integers(0, 1 << 16, (words_of(bits) * halves, 5))
    states = neuron.start((5,))
    for k, word in enumerate(words):
        assert not neuron.step(states, word + ((k + 1) << 16)).any()
    assert not neuron.step(states, np.zeros(5, np.int64)).any()  # kept without a spike
    for k, word in enumerate(words):
        np.testing.assert_array_equal(neuron.step(states, np.full(5, (k + 1) << 20)), word + 1)


@pytest.mark.parametrize("fresh", ["row", "term", "all"])
def test_products_of_a_core_share_the_axon_of_a_writer(fresh):
    """Axons and words counted on the network's own synapses, none of which has a delay."""
    layer = PairLayer(Pairs(BFLOAT16, BFLOAT16, BFLOAT16, 4, 3, "scores"), fresh)
    activity = measured_activity(layer.core, 2)
    placed = pair_template(layer.core, load_chip(), activity)
    network = layer.network.populations
    names = [p.name for p in network.populations]
    found = Counter[tuple[str, int]]()
    for p in network.projections:
        if names[p.target] == "product":
            assert not p.delay
            found.update((names[p.source], column) for column in p.columns.tolist())
    products = next(piece for piece in placed.pieces if "terms of" in piece.name)
    writers = next(piece for piece in placed.pieces if "writer" in piece.name)
    assert (products.count, products.neurons, products.room, products.delay_bits) == (1, 12, 12, 0)
    assert (writers.count, writers.room) == ({"row": 4, "term": 3, "all": 12}[fresh], 1)
    assert products.axons_in == len(found) and products.synapse_words == sum(-(-n // 4) for n in found.values())
    assert sum(p.neurons * p.count for p in placed.pieces) == layer.network.neurons
    assert placed.synops == (activity.spikes * layer.network.fan_out).sum() / 2


@pytest.mark.parametrize(("fmt", "room"), [(BFLOAT16, 1), (FLOAT16, 1), (FLOAT32, 1), (FLOAT64, 2)], ids=str)
def test_a_product_takes_one_neurons_room(fmt, room):
    neuron = product_neuron(Pairs(fmt, fmt, fmt, 4, 3))
    assert load_chip().room_of(len(neuron.states)) == room


def test_one_product_that_no_core_holds_is_named():
    layer = PairLayer(Pairs(BFLOAT16, BFLOAT16, BFLOAT16, 4, 3, "scores"), "row")
    with pytest.raises(NexusError, match="layer 'scores': one product uses .* axons in of a core of loihi2, beyond 3"):
        pair_template(layer.core, small_chip(axons_in=3), measured_activity(layer.core, 1))


def test_a_block_keeps_keys_and_values_in_its_products():
    shape = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "num_hidden_layers": 1}
    config = {"model_type": "llama", **shape, "vocab_size": 24, "max_position_embeddings": 8, "rms_norm_eps": 1e-6}
    model = random_model(config, format=BFLOAT16, product="native", norm_format=BFLOAT16, silu="fused")
    model = Model(model.spec, model.source, replace(model.arithmetic, operators="shared"))
    workload = token_workload(model, 4)
    assert workload.words("cache") == 0 and not cached_values(workload)
    mapper = Mapper(workload, load_chip(), measured_spikes, 6, sets=4, activities=measured_activity)
    placed = mapper.place(Strategy.of("folded: 50"))
    products = [one for one in placed.circuits if "both activations" in one.label and "writes" in one.label]
    assert {one.instances for one in products} == {2}  # a head each
    for one, _ in placed.schedules:
        check_schedule(one)
    schedule, _ = placed.schedules[0]
    (scores,) = [one for one in schedule.rounds if one.role == "stage" and "writes row" in _of(schedule, one)]
    (weighted,) = [one for one in schedule.rounds if one.role == "stage" and "writes term" in _of(schedule, one)]
    assert weighted.start > scores.start + schedule.pools[scores.pool].circuit.depth
    steps = [schedule.last_issue(one) for one in schedule.rounds]
    assert placed.steps >= max(steps)


def test_the_checker_finds_rounds_that_are_too_early_or_too_many():
    placed = mapper_of(linear()).place(Strategy.of("folded: 300"))
    schedule, _ = placed.schedules[0]
    check_schedule(schedule)
    front, *_, back = schedule.rounds
    for rounds, sentence in (
        ((*schedule.rounds[:-1], replace(back, start=back.start - 1)), "gives operands to 'round a window .*too early"),
        (
            (replace(front, count=front.count - 1), *schedule.rounds[1:]),
            "'digits in time .* is invoked 15 times, not 16",
        ),
        ((front, *schedule.rounds), "instances of 'digits in time .* are given"),
    ):
        with pytest.raises(NexusError, match=sentence):
            check_schedule(replace(schedule, rounds=rounds))


def _of(schedule, one):
    return schedule.pools[one.pool].circuit.label


def test_signs_of_a_long_sum_fill_the_words_that_its_axons_take():
    """Four sums a word, where the axons of all inputs take more than the share that signs are meant to have."""
    layer = layer_of(8, 40, FLOAT32)
    chip = small_chip(synapse_words=43)
    placed = native_template(layer.core, chip, measured_activity(layer.core, 1))
    (codes,) = [piece for piece in placed.pieces if "codes" in piece.name]
    assert (codes.count, codes.neurons, codes.synapse_words) == (4, 4, 22)
