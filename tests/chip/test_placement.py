from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lava_nexus as nexus
from lava_nexus.chip import Placement, check_placement, load_chip, placement_faults
from lava_nexus.chip.partition import contiguous, spike_hypergraph
from lava_nexus.chip.place import circuit_template, place_circuit, place_network
from lava_nexus.errors import NexusError
from tests.chip.chips import small_chip
from tests.networks import as_circuit, random_network


@pytest.fixture(scope="module")
def multiplier() -> Placement:
    return nexus.place(nexus.circuit("mul", nexus.FLOAT32), max_delay=6, sets=64)


def test_the_multiplier_fits_and_the_checker_agrees(multiplier):
    check_placement(multiplier)
    assert len(multiplier.cores) == -(-multiplier.network.neurons // 1024)
    for row in multiplier.utilization():
        assert all(0 < used <= most for used, most in row.values())


def test_the_partition_beats_contiguous_levels(multiplier):
    graph = spike_hypergraph(multiplier.network, multiplier.spikes)
    baseline = contiguous(multiplier.network, multiplier.groups, multiplier.chip)
    assert graph.cost(multiplier.assignment) < 0.88 * graph.cost(baseline)


def test_traffic_by_definition(multiplier):
    """Messages and hops counted spike by spike, synapse by synapse."""
    network, at, places = multiplier.network, multiplier.assignment, multiplier.places
    messages = local = outside = east_west = north_south = 0
    reached = {(int(s), int(at[t])) for s, t in zip(network.sources, network.targets, strict=True)}
    for source, core in reached:
        times = int(multiplier.spikes[source])
        if source < network.n_inputs:
            outside += times
            continue
        home = at[source - network.n_inputs]
        local += times * (home == core)
        messages += times * (home != core)
        east_west += times * abs(int(places[home][1] - places[core][1]))
        north_south += times * abs(int(places[home][2] - places[core][2]))
    found = multiplier.traffic
    assert (found.messages, found.local, found.from_outside) == (messages, local, outside)
    assert (found.hops_east_west, found.hops_north_south, found.inter_chip) == (east_west, north_south, 0)


def test_saved_and_loaded(multiplier, tmp_path):
    again = Placement.load(multiplier.save(tmp_path / "mul.npz"))
    assert again.network.digest == multiplier.network.digest
    assert again.traffic == multiplier.traffic
    assert again.utilization() == multiplier.utilization()
    check_placement(again)
    (tmp_path / "bad.npz").write_bytes(b"no placement")
    with pytest.raises(NexusError, match="holds no placement"):
        Placement.load(tmp_path / "bad.npz")
    with pytest.raises(NexusError, match="does not exist"):
        Placement.load(tmp_path / "none.npz")
    file = multiplier.save(tmp_path / "flipped.npz")
    whole = file.read_bytes()
    for place in range(0, len(whole), len(whole) // 50):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(NexusError, match="holds no placement: it is damaged: its content has another SHA-256"):
            Placement.load(file)
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(NexusError, match="holds no placement: it is no regular file"):
        Placement.load(tmp_path / "pipe.npz")


def test_one_seed_one_placement(multiplier):
    again = nexus.place(nexus.circuit("mul", nexus.FLOAT32), max_delay=6, sets=64)
    assert np.array_equal(again.assignment, multiplier.assignment)
    assert np.array_equal(again.places, multiplier.places)


def test_the_largest_delay_is_a_choice():
    circuit = nexus.circuit("add", nexus.FLOAT16)
    cores = {}
    for delay in (0, 6, 62):
        placed = nexus.place(circuit, max_delay=delay, sets=8)
        check_placement(placed)
        assert placed.network.delays.max() <= delay
        assert placed.network.neurons - placed.network.relays == circuit.neurons - circuit.network.relays
        cores[delay] = len(placed.cores)
    assert len(nexus.place(circuit, sets=8).cores) <= min(cores.values())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"max_delay": 63}, r"largest delay 63 is not in 0 \.\. 62"),
        ({"max_delay": -1}, r"largest delay -1 is not in 0 \.\. 62"),
        ({"sets": 0}, "0 operand sets is below 1"),
        ({"chip": "loihi9"}, "chip 'loihi9' does not exist"),
    ],
)
def test_mistakes(arguments, sentence):
    with pytest.raises(NexusError, match=sentence):
        nexus.place(nexus.circuit("neg", nexus.FLOAT16), **arguments)


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        ("add", r"takes a circuit, not the name 'add': give lava_nexus\.circuit\('add', a format\)"),
        (3.0, "takes a circuit, a program or a token's programs, not float"),
        (nexus.circuit("neg", nexus.FLOAT16).network, "not ThresholdNetwork"),
    ],
)
def test_what_cannot_be_placed_is_told_in_a_sentence(subject, sentence):
    with pytest.raises(NexusError, match=sentence):
        nexus.place(subject)


def test_spikes_are_those_that_are_handed_in():
    circuit = nexus.circuit("neg", nexus.FLOAT16)
    asked = []

    def spikes(one, sets, seed):
        asked.append((one.label, one.network.digest, sets, seed))
        return np.arange(one.network.n_signals)

    placed = place_circuit(circuit, load_chip(), spikes, max_delay=2, seed=5, sets=7)
    assert asked == [(circuit.label, placed.network.digest, 7, 5)]
    assert np.array_equal(placed.spikes, np.arange(placed.network.n_signals))
    assert (placed.sets, placed.seed) == (7, 5)
    assert circuit_template(circuit, load_chip(), spikes, 2, 5, 7).traffic == placed.traffic
    assert len(asked) == 2  # a function without a name of its own: nothing is kept


def test_what_does_not_fit_says_by_how_much_and_what_would():
    chip = small_chip(neurons=20)
    circuit = nexus.circuit("add", nexus.FLOAT8_E4M3FN)
    needed = nexus.place(circuit, chip, max_delay=0, sets=4)
    cores = len(needed.cores)
    assert needed.chips > 1
    check_placement(needed)
    with pytest.raises(
        NexusError, match=rf"needs {cores} cores .* {cores - 8} more than the 8 of chips=1; .* chips={needed.chips}"
    ):
        nexus.place(circuit, chip, max_delay=0, chips=1, sets=4)
    with pytest.raises(NexusError, match=r"neuron \d+ cannot be placed .* uses \d+ of 2 axons in, \d+ too many"):
        nexus.place(circuit, small_chip(axons_in=2), sets=4)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gates=st.integers(1, 90),
    delay=st.sampled_from([0, 1, 3, 6, 62]),
    limits=st.fixed_dictionaries(
        {},
        optional={
            "neurons": st.integers(1, 12),
            "synapse_words": st.integers(8, 30),
            "synapses_per_word": st.integers(1, 4),
            "axons_in": st.integers(6, 20),
            "axons_out": st.integers(14, 40),
            "delay_accumulators": st.integers(64, 300),
        },
    ),
)
def test_no_placement_breaks_a_limit_or_loses_a_synapse(seed, gates, delay, limits):
    network = random_network(seed, gates=gates, outputs=gates, max_delay=delay)
    spikes = np.random.default_rng(seed).integers(0, 9, network.n_signals)
    try:
        placed = place_network("random", network, spikes, 9, small_chip(**limits), seed)
    except NexusError as error:
        assert "cannot be placed" in str(error)  # one neuron alone breaks a limit, or sends to too many cores
        assert limits
        return
    assert not placement_faults(placed)


def test_the_checker_finds_what_is_wrong():
    network = random_network(3, gates=40, outputs=40)
    placed = place_network("random", network, np.ones(network.n_signals, np.int64), 1, small_chip(neurons=6), 0)
    assert not placement_faults(placed)
    assert len(placed.cores) > 2

    def faults(**changes):
        return " ".join(placement_faults(replace(placed, **changes)))

    twice = placed.places.copy()
    twice[1] = twice[0]
    assert "where another one is" in faults(places=twice)
    outside = placed.places.copy()
    outside[0, 1] = 9
    assert "outside of the mesh" in faults(places=outside)
    assert "neurons, above 6" in faults(assignment=np.zeros_like(placed.assignment), places=placed.places[:1])
    assert "groups, above 1" in faults(chip=small_chip(groups=1), groups=np.arange(placed.network.neurons))
    assert "steps of delay, above 1" in faults(chip=small_chip(largest_delay=1)) or placed.network.delays.max() <= 1
    lost = replace(placed)
    core = lost.cores[0]
    object.__setattr__(core.subnetwork, "weights", core.subnetwork.weights + 1)
    assert "is on no core" in " ".join(placement_faults(lost))


def test_the_default_groups_are_one():
    placed = nexus.place(as_circuit(random_network(5)), sets=4)
    assert all(row["groups"] == (1, 8) for row in placed.utilization())
