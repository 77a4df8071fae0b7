"""Energy by hand on a network small enough to add up on paper."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lava_nexus.chip.timing import Span
from lava_nexus.circuits import Circuit, circuit
from lava_nexus.energy import (
    Machine,
    Pace,
    Routing,
    Site,
    energy_model_names,
    energy_of,
    energy_of_tallies,
    load_energy_model,
)
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Tallies, Tally
from lava_nexus.execute.interpret import ProgramResult, run_program
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.execute.run import run
from lava_nexus.formats import FLOAT8_E5M2, FLOAT32
from lava_nexus.models.forward import Counts
from lava_nexus.models.generation import Generated
from lava_nexus.models.placing import place
from lava_nexus.neurons import Port, ThresholdNetwork
from lava_nexus.neurons.built import Computed
from lava_nexus.programs import Program, Writer
from tests.chip.programs import feeds, linear_program

MODEL = load_energy_model("loihi1_pre_silicon")


def _tally(**fields: Any) -> Tally:
    """Two neurons: n0 = [x >= 1], n1 = [n0 + x >= 2]; signals: strobe, eight bits of x, n0, n1."""
    network = ThresholdNetwork(
        inputs=(Port("x", tuple(range(1, 9)), FLOAT8_E5M2),),
        outputs=(Port("y", (10,), None),),
        offsets=np.array([0, 1, 3], np.int64),
        sources=np.array([1, 9, 1], np.int32),
        weights=np.array([1, 1, 1], np.int32),
        thresholds=np.array([1, 2], np.int32),
        levels=np.array([1, 2], np.int32),
        relay=np.zeros(2, np.bool_),
        max_delay=62,
    )
    spikes = np.array([0, 5, 0, 0, 0, 0, 0, 0, 0, 5, 5], np.int64)  # x's first bit five times in ten operand sets
    values = {"invocations": 10, "signal_spikes": spikes, "active": 10, **fields}
    return Tally(Circuit("copy", "threshold", network, golden=Computed(lambda x: x, "integers")), **values)


def test_constants_are_those_of_the_paper() -> None:
    values = {c.name: (c.value, c.unit) for c in MODEL.constants}
    assert values == {
        "synaptic_op": (23.6, "pJ"),
        "neuron_update_active": (81, "pJ"),
        "neuron_update_inactive": (52, "pJ"),
        "within_tile_spike": (1.7, "pJ"),
        "hop_east_west": (3.0, "pJ"),
        "hop_north_south": (4.0, "pJ"),
        "static_power": (0.232, "W"),
    }
    assert all("Davies" in c.source and c.confidence for c in MODEL.constants if c.name != "static_power")


def test_shares_add_up_by_hand() -> None:
    report = energy_of_tallies([_tally()], MODEL, inputs=5)
    assert report is not None
    # 5 spikes of x reach 2 synapses, 5 of n0 reach 1: 15 SynOps. 20 updates, of which 10 active.
    assert report.synops == pytest.approx(15 * 23.6e-12)
    assert report.updates_active == pytest.approx(10 * 81e-12)
    assert report.routing == report.updates_inactive == report.static == 0  # nobody placed it: work alone
    assert report.machine is None and report.seconds is None
    assert report.joules == report.work.value == pytest.approx((15 * 23.6 + 10 * 81) * 1e-12)
    assert report.joules_per_input == pytest.approx(report.joules / 5)
    assert report.upper_joules == pytest.approx(report.joules)
    values = report.to_dict()
    assert sum(values["shares"].values()) == pytest.approx(values["joules"])
    assert any("no placement" in note for note in values["notes"])


def test_uncounted_activity_is_a_stated_lower_bound() -> None:
    report = energy_of_tallies([_tally(active=None), _tally()], MODEL)
    assert report is not None
    assert report.joules == pytest.approx((2 * 15 * 23.6 + 10 * 81) * 1e-12)
    assert report.upper_joules == pytest.approx(report.joules + 20 * 81e-12)
    assert report.uncounted_updates == 20
    assert any("20 neuron updates was not counted" in note for note in report.notes)


def test_a_machine_by_hand() -> None:
    """Two neurons of a machine of nine, 25 steps of 20 ms: 225 updates, of which 10 active."""
    site, pace = Site("a chip", neurons=9, cores=3, chips=2), Pace("single", 25, Span(10e6, 20e6, 40e6))
    machine = Machine(site, pace, Routing(7, 11, 13), words=4, standing=6.0, around=4)
    report = energy_of_tallies([_tally()], MODEL, machine=machine)
    assert report is not None and report.machine is not None and report.seconds is not None
    assert report.routing == pytest.approx((7 * 1.7 + 11 * 3 + 13 * 4) * 1e-12)
    assert report.static == pytest.approx(0.232 * 2 * 0.5)
    assert report.updates_inactive == pytest.approx((225 - 10) * 52e-12)
    # six synaptic operations a step wake at most the four neurons around, whose updates are active instead of idle
    assert report.spans["surroundings"] == Span(0.0, *2 * [pytest.approx((6 * 23.6 + 4 * (81 - 52)) * 25e-12)])
    fires = energy_of_tallies([_tally()], load_energy_model("sanafe_loihi"), machine=machine)
    assert fires is not None
    assert fires.shares["surroundings"] == pytest.approx((6 * 35.5 + 4 * (72.8 - 51.2 + 180.3)) * 25e-12)
    assert report.shares["input_output"] == 0 and any("4 words" in note for note in report.notes)
    assert not any("no placement" in note for note in report.notes)
    assert report.joules == report.machine.value == pytest.approx(sum(report.to_dict()["shares"].values()))
    assert report.work.value == pytest.approx((15 * 23.6 + 10 * 81) * 1e-12)
    assert report.seconds == Span(0.25, 0.5, 1.0)
    assert report.machine.high - report.machine.value == pytest.approx(0.232 * 2 * 0.5)  # as long as the step may be
    waiting = energy_of_tallies([_tally()], MODEL, machine=replace(machine, pace=replace(pace, duty=0.25)))
    assert waiting is not None
    assert waiting.static == pytest.approx(4 * report.static)
    assert waiting.joules - waiting.static == pytest.approx(report.joules - report.static)


def test_what_it_is_of_is_said() -> None:
    site, pace = Site("a chip", 9, 3, 1, "on chip"), Pace("streamed", 1_000, Span.of(200.0), 0.5)
    placed = energy_of_tallies([_tally()], MODEL, machine=Machine(site, pace))
    alone = energy_of_tallies([_tally()], MODEL)
    assert placed is not None and alone is not None
    assert dict(placed.definition) == {
        "network": "1 circuit, 2 neurons, 0 of them relays, largest delay 62",
        "placement": "9 neurons on 3 cores of 1 chip (a chip), weights on chip",
        "pace": "streamed back to back, 1,000 time steps, busy 50 % of the time",
    }
    assert alone.definition[1][1].startswith("none, so that only work is known")
    assert (placed.to_dict()["kind"], alone.to_dict()["kind"]) == ("machine", "work")


def test_unknown_constants_are_ranges() -> None:
    report = energy_of_tallies([_tally()], load_energy_model("loihi2"))
    assert report is not None
    published = energy_of_tallies([_tally()], MODEL)
    assert published is not None and report.work.value == published.work.value
    assert report.work.low == pytest.approx((15 * 23.6 / 5 + 10 * 81 / 2) * 1e-12)
    assert report.work.high == pytest.approx((15 * 23.6 + 10 * 81 + 10 * 69.3) * 1e-12)


@pytest.mark.parametrize(("pace", "duty", "word"), [("fast", 1.0, "pace 'fast'"), ("single", 0.0, "duty cycle 0")])
def test_paces_that_do_not_exist(pace: Any, duty: float, word: str) -> None:
    with pytest.raises(NexusError, match=word):
        Pace(pace, 1, Span.of(1.0), duty)
    with pytest.raises(NexusError, match="is of a placed network"):
        energy_of([_tally()], pace=pace, duty=duty)


def test_spikes_only_charges_each_spike_once() -> None:
    report = energy_of_tallies([_tally()], load_energy_model("spikes_only"))
    assert report is not None
    assert report.joules == report.spikes == pytest.approx(10 * 23.6e-12)  # five of n0, five of n1


@pytest.mark.parametrize("name", energy_model_names())
def test_models_that_ship_name_their_sources(name: str) -> None:
    model = load_energy_model(name)
    assert model.title and all(c.source and c.meaning and c.confidence for c in model.constants)


def test_counts_beyond_64_bits_stay_exact() -> None:
    spikes = np.zeros(11, np.int64)
    spikes[1] = 2**62 + 1
    assert _tally(signal_spikes=spikes).synops == 2 * (2**62 + 1)
    spikes[9:] = 2**62
    assert _tally(signal_spikes=spikes).spikes == 2**63
    total = _tally(signal_spikes=spikes.copy())
    for _ in range(3):
        total.add(_tally(signal_spikes=spikes.copy()))
    assert total.spikes == 2**65 and total.synops > 2 * (2**64 + 4)


def test_uncounted_spikes_give_no_energy() -> None:
    assert energy_of_tallies([_tally(), _tally(signal_spikes=None)], MODEL) is None


def test_a_run_of_a_circuit_is_priced_by_what_it_counted() -> None:
    adder = circuit("add", FLOAT8_E5M2)
    x = np.array([1.0, 2.0, -3.5])
    ran = run(adder, x, 1.0, executor="membrane")
    report = energy_of(ran)
    assert ran.synops is not None and ran.tally.active is not None
    assert report.synops == pytest.approx(ran.synops * 23.6e-12)
    assert report.updates_active == pytest.approx(ran.tally.active * 81e-12)
    assert report.updates_inactive == 0 and report.machine is None
    assert report.inputs == 3
    with pytest.raises(NexusError, match="run of 'add float8_e5m2' counted no spikes"):
        energy_of(run(adder, x, 1.0, executor="reference"))


@dataclass
class _Ran:
    """Stands for the result of a run of one circuit."""

    tally: Tally


def test_whatever_ran_costs_the_same() -> None:
    expected = energy_of_tallies([_tally()], MODEL)
    assert expected is not None
    tallies = Tallies()
    tallies.add(_tally())
    counts = Counts({"layer": tallies})
    program = ProgramResult({}, {"layer": tallies})
    for what in (_Ran(_tally()), tallies, [_tally()], program, counts, Generated(np.zeros(1, np.int64), counts)):
        found = energy_of(what)
        assert found.joules == expected.joules and found.notes == expected.notes
        assert found.inputs == (10 if isinstance(what, _Ran) else 1)
    assert energy_of(_Ran(_tally()), "spikes_only", inputs=2).joules_per_input == pytest.approx(5 * 23.6e-12)


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("add", "takes the result of a run, its tallies or a placement, not str"),
        (3.5, "not float"),
        (None, "not NoneType"),
        (_Ran(_tally(signal_spikes=None)), "run of 'copy float8_e5m2.*' counted no spikes"),
    ],
)
def test_what_has_no_energy_is_told_in_a_sentence(what: Any, sentence: str) -> None:
    with pytest.raises(NexusError, match=sentence):
        energy_of(what)


def test_a_placed_circuit_by_hand() -> None:
    """With its own counts, and with those of a run: SynOps, updates, messages, hops, chips over time."""
    adder = circuit("add", FLOAT8_E5M2)
    placed = place(adder, max_delay=2, sets=16)
    half = np.arange(placed.network.neurons) % 2
    placed = replace(placed, assignment=half, places=np.array([[0, 0, 0, 0], [0, 2, 1, 0]]))
    network, first = placed.network, placed.network.n_inputs
    reached = {(int(s), int(half[t])) for s, t in zip(network.sources, network.targets, strict=True)}
    executor = MembraneExecutor()
    ones = np.full(30, 0x3C, np.uint8)
    executor.invoke(placed.as_placed(adder), [ones, ones])
    (tally,) = executor.tallies
    for report, spikes, sets in (
        (energy_of(placed), placed.spikes, 16),
        (energy_of(executor, placement=placed), tally.signal_spikes, 30),
    ):
        synops = int(spikes[network.sources].sum())
        moved = placed.traffic_of(spikes, sets)
        crossing = sum(int(spikes[s]) for s, core in reached if s >= first and half[s - first] != core)
        assert moved.messages == crossing > 0
        assert report.inputs == sets
        assert report.synops == pytest.approx(synops * 23.6e-12)
        assert report.routing == pytest.approx(crossing * (1.7 + 2 * 3 + 4) * 1e-12)
        assert report.static == pytest.approx(0.232 * sets * placed.step_ns() * 1e-9)
        idle = sets * network.neurons - (0 if sets == 16 else tally.active)
        assert report.updates_inactive == pytest.approx(idle * 52e-12)
        assert not any("no placement" in note for note in report.notes)
        assert report.machine == report.total and any("filling and draining" in note for note in report.notes)
    single = energy_of(executor, placement=placed, pace="single")
    steps = 30 * placed.network.depth
    assert single.updates_inactive == pytest.approx((steps * placed.network.neurons - (tally.active or 0)) * 52e-12)
    assert single.static == pytest.approx(0.232 * steps * placed.step_ns() * 1e-9)
    assert single.work == energy_of(executor, placement=placed).work
    assert energy_of(placed).uncounted_updates == 16 * placed.network.neurons
    plain = MembraneExecutor()
    plain.invoke(adder, [ones, ones])
    with pytest.raises(NexusError, match="another network than what ran"):
        energy_of(plain, placement=placed)
    with pytest.raises(NexusError, match="not of 'sub float8_e5m2'"):
        placed.as_placed(circuit("sub", FLOAT8_E5M2))


def test_ways_of_a_program_by_hand() -> None:
    """7 messages, 3 of them of hops that are not known, on a grid of 4 x 3 tiles of the mesh of 8 x 4."""
    mean = tuple(np.abs(np.subtract.outer(np.arange(n), np.arange(n))).mean() for n in (3, 4))
    routing = Routing(7, 11, 13, far=3, mean=mean, longest=(2, 3))
    known = 7 * 1.7 + 11 * 3 + 13 * 4
    expected = Span(known, known + 3 * (mean[0] * 3 + mean[1] * 4), known + 3 * (2 * 3 + 3 * 4))
    assert [getattr(routing.joules(MODEL), end) * 1e12 for end in ("low", "value", "high")] == pytest.approx(
        [expected.low, expected.value, expected.high]
    )
    placed = place(linear_program(FLOAT8_E5M2, 4, 2), strategy="folded: 4", sets=4)
    many = replace(placed, cores=(replace(placed.cores[0], count=45),))  # 12 tiles: 3 columns of 4 rows
    moved = many.traffic
    found = Routing.of_program(many, 5)
    assert (found.mean, found.longest) == (pytest.approx(mean), (2, 3))
    assert found.far == 5 * (moved.operands + moved.results) and found.within_tile == found.far + 5 * moved.messages
    assert Routing.of_program(replace(many, cores=(replace(placed.cores[0], count=4),)), 1).longest == (0, 0)


def test_hops_inside_an_instance_are_those_of_its_circuit() -> None:
    """FP32 division needs several cores: its messages make the hops of the placement of the circuit alone."""
    division = circuit("div", FLOAT32)
    alone = place(division, sets=8)
    program = Program("divide")
    w = Writer(program, FLOAT32)
    program.outputs["y"] = w.inside("layer").apply("div", *(program.input(n, (1, 5), FLOAT32) for n in ("a", "b")))
    placed = place(program, sets=8)
    assert len(alone.places) > 1
    hops = alone.traffic.hops_east_west, alone.traffic.hops_north_south
    assert (placed.traffic.hops_east_west, placed.traffic.hops_north_south) == tuple(round(5 * n / 8) for n in hops)


def test_counts_in_sum_alone_do_not_say_what_goes_between_cores() -> None:
    """As the executor `cuda` counts: spikes and SynOps, but not signal by signal."""

    class InSum(Tally):
        spikes, synops = 7, 70

    adder = circuit("add", FLOAT8_E5M2)
    placed = place(adder, max_delay=2, sets=16)
    tally = InSum(placed.as_placed(adder), 3)
    assert energy_of([tally]).synops == pytest.approx(70 * 23.6e-12)
    with pytest.raises(NexusError, match="counted spikes in sum, not signal by signal.*'membrane' or 'bitsliced'"):
        energy_of([tally], placement=placed)


def test_a_placed_program_by_hand() -> None:
    program = linear_program(FLOAT8_E5M2, 4, 2)
    placed = place(program, strategy="folded: 4", sets=4)
    used = [one for one in placed.circuits if one.arithmetic]
    alone = energy_of(placed)
    assert alone.synops == pytest.approx(sum(one.invocations * (one.synops or 0) for one in used) * 23.6e-12)
    assert alone.updates_inactive == pytest.approx(placed.steps * placed.neurons * 52e-12)  # every neuron, every step
    assert alone.uncounted_updates == sum(one.invocations * one.neurons for one in used)
    standing = sum((one.synops or 0) * one.instances for one in placed.circuits if not one.arithmetic)
    woken = min(standing, sum(one.neurons * one.instances for one in placed.circuits if not one.arithmetic))
    around = standing * 23.6 + woken * (81 - 52)
    assert alone.shares["surroundings"] == pytest.approx(placed.steps * around * 1e-12)
    words = sum(placed.io.words_in.values()) + sum(placed.io.words_out.values())
    assert energy_of(placed, "loihi2").shares["input_output"] == pytest.approx(words * 1.3e-9)
    streamed = energy_of(placed, pace="streamed")
    assert streamed.updates_inactive == pytest.approx(placed.interval * placed.neurons * 52e-12)
    assert alone.static == pytest.approx(0.232 * placed.chips * placed.seconds)
    ran = run_program(program, feeds(program, 3), MembraneExecutor())
    report, plain = energy_of(ran, placement=placed), energy_of(ran, inputs=3)
    moved = placed.traffic.messages + placed.traffic.operands + placed.traffic.results
    assert report.inputs == 3
    assert report.circuits == plain.circuits
    assert report.routing == pytest.approx(3 * alone.routing) and report.spans["routing"].low == pytest.approx(
        3 * moved * 1.7e-12
    )
    assert report.static == pytest.approx(3 * alone.static)
    assert any("the mean way between two tiles in use" in note for note in report.notes)
    (other_networks,) = (note for note in report.notes if "what ran is not what is placed" in note)
    relays = sum(one.relays for one in used) - sum(t.circuit.network.relays for t in ran.tallies)
    assert f"{relays:,} further relays" in other_networks and relays > 0
    assert not any("is not what is placed" in note for note in alone.notes + plain.notes)
    other = linear_program(FLOAT8_E5M2, 5, 2)
    with pytest.raises(NexusError, match="of another program than what ran: 'mul float8_e5m2' is invoked 8 times"):
        energy_of(run_program(other, feeds(other), MembraneExecutor()), placement=placed)
    with pytest.raises(NexusError, match="takes no other placement"):
        energy_of(placed, placement=placed)
    uncounted = replace(placed, circuits=tuple(replace(one, synops=None) for one in placed.circuits))
    with pytest.raises(NexusError, match="holds no counted spikes"):
        energy_of(uncounted)


def test_nothing_run_costs_nothing() -> None:
    report = energy_of_tallies([], MODEL)
    assert report is not None
    assert report.joules == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": 3}, "energy model 3 is no name, no path"),
        ({"placement": 3}, "placement 3 is none"),
        ({"duty": "half"}, "duty cycle 'half' is not a number"),
        ({"duty": True}, "duty cycle True is not a number"),
        ({"inputs": 1.5}, "inputs 1.5 is not a whole number"),
    ],
)
def test_arguments_of_another_kind(given: dict[str, Any], words: str) -> None:
    with pytest.raises(NexusError, match=words):
        energy_of(_Ran(_tally()), **given)


def test_zero_inputs() -> None:
    with pytest.raises(NexusError, match="0 inputs"):
        energy_of_tallies([_tally()], MODEL, inputs=0)


GOOD = (Path(load_energy_model.__code__.co_filename).parent / "models/loihi1_pre_silicon.yaml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("unit: pJ", "unit: kJ", "unit of synaptic_op is kJ"),
        ("value: 23.6", "value: much", "synaptic_op is much"),
        ("value: 23.6", "value: -1", "synaptic_op is -1"),
        ("value: 23.6", "value: .nan", "synaptic_op is nan"),
        ("value: 23.6", "value: 23.6, high: 2", "synaptic_op is 23.6, outside its range None .. 2"),
        ("synaptic_op:", "synaptc_op:", "'synaptc_op' does not exist"),
        ("unit: W", "unit: pJ", "unit of static_power is pJ, must be mW or W"),
        ("  hop_north_south", "# ", "lacks the constant 'hop_north_south'"),
        ("source:", "origin:", "names no source"),
        ("constants:", "constants: 3 #", "cannot be read"),
        (GOOD, "- 1", "no mapping 'constants'"),
    ],
)
def test_files_with_mistakes(tmp_path: Path, old: str, new: str, word: str) -> None:
    assert old in GOOD
    (tmp_path / "mine.yaml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(NexusError) as caught:
        load_energy_model(str(tmp_path / "mine.yaml"))
    assert word in str(caught.value)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD.replace("23.6", "0.5").replace("unit: pJ", "unit: nJ", 1))
    model = load_energy_model(str(tmp_path / "mine.yaml"))
    assert model.name == "mine"
    assert model.joules("synaptic_op") == pytest.approx(0.5e-9)
    assert replace(model, name="other").constants == model.constants


def test_names_that_do_not_exist(tmp_path: Path) -> None:
    for name, word in (("loihi1_pre_silicn", "did you mean 'loihi1_pre_silicon'"), ("none.yaml", "cannot be read")):
        with pytest.raises(NexusError) as caught:
            load_energy_model(name)
        assert word in str(caught.value)
