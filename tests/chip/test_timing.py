"""A step by hand, by each model of time that ships."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from lava_nexus.chip import Placement, ProgramPlacement, load_chip
from lava_nexus.chip.mesh import busiest_link
from lava_nexus.chip.timing import Interconnect, Load, Span, load_timing, timing_names
from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT8_E5M2
from lava_nexus.models.placing import place
from tests.chip.programs import linear_program

FOLDER = Path(__file__).parents[2] / "configs/timings"
CORES = (Load(1000, 2000, 500), Load(100, 9000, 3000))


def test_loihi_1_works_off_a_core_and_waits_at_the_barrier() -> None:
    timing = load_timing("loihi1")
    assert timing.step([], Interconnect(1, 32)) == Span.of(113)
    found = timing.step(CORES, Interconnect(32, 32))
    assert found.value == pytest.approx(100 * 8.4 + 9000 * 3.5 + 465)  # the second core needs longer than the first
    assert found.low == pytest.approx(100 * 5.3 + 9000 * 3.5 + 465)


def test_on_loihi_2_the_largest_term_decides() -> None:
    timing, network = load_timing("loihi2"), Interconnect(32, 32, Span.of(700), fed=True)
    terms = timing.terms(CORES, network)
    assert terms["neurons"].value == pytest.approx(1000 * 8.4 / 2)
    assert terms["synapses"].value == pytest.approx(9000 * 3.5 / 5)
    assert terms["synapse memory"] == Span(0.0, 0.0, pytest.approx(3000 * 3.5))
    assert terms["busiest link"] == Span(0.0, 0.0, pytest.approx(700 * 6.5))
    assert terms["barrier"] == Span(0, 200, 465)
    step = timing.step(CORES, network)
    assert step.value == max(span.value for span in terms.values()) == pytest.approx(6300)
    assert step.high == terms["host"].high == 153_000
    alone = timing.step(CORES, Interconnect(32, 32))
    assert alone.low == pytest.approx(9000 * 0.7) and alone.high == pytest.approx(9000 * 3.5)
    assert timing.step([], Interconnect(1, 32)).value == 200


def test_words_that_were_not_counted_are_at_most_one_a_synapse() -> None:
    terms = load_timing("loihi2").terms([Load(1, 40)], Interconnect(1, 32))
    assert terms["synapse memory"] == Span(0.0, 0.0, 40 * 3.5)


@pytest.mark.parametrize("name", timing_names())
def test_every_coefficient_has_a_source(name: str) -> None:
    timing = load_timing(name)
    assert timing.name == name and len(timing.coefficients) == 8
    assert all(one.source and one.confidence for one in timing.coefficients.values())


def test_what_is_not_public_has_a_range() -> None:
    coefficients = load_timing("loihi2").coefficients
    assert all(not one.span.known for one in coefficients.values() if one.confidence == "unknown")
    assert {name for name, one in coefficients.items() if one.confidence == "unknown"} == {
        "synapse_read_ns",
        "link_message_ns",
    }


def test_the_busiest_link_by_hand() -> None:
    places = np.array([[0, 0, 0, 0], [0, 2, 0, 0], [0, 2, 1, 0], [0, 2, 1, 1]])
    links = np.array([0, 1, 0, 3, 2]), np.array([2, 2, 1, 0, 3]), np.array([5, 3, 4, 7, 100])
    # 0 -> 2 and 0 -> 1 share both eastward links (9); 0 -> 2 and 1 -> 2 the one down (8); 3 -> 0 goes west below (7);
    # 2 and 3 stand at one router.
    assert busiest_link(places, links, load_chip().mesh) == 9


def test_a_placed_circuit_is_timed_by_its_own_counts(tmp_path: Path) -> None:
    placed = place(circuit("add", FLOAT8_E5M2), max_delay=2, sets=16)
    network, sets = placed.network, 16
    assert len(placed.places) == 1
    words, synops = 0, 0
    for signal in range(network.n_signals):
        reached = int((network.sources == signal).sum())
        words += -(-reached // 4) * int(placed.spikes[signal])
        synops += reached * int(placed.spikes[signal])
    assert placed.loads == (Load(network.neurons, synops / sets, words / sets),)
    step = Placement.load(placed.save(tmp_path / "a.npz")).step
    assert step == placed.step
    assert step.value == placed.step_ns() == max(network.neurons * 4.2, synops / sets * 0.7, 200)
    old = load_chip().model_copy(update={"timing": load_timing("loihi1")})
    assert replace(placed, chip=old).step_ns() == pytest.approx(network.neurons * 8.4 + synops / sets * 3.5 + 113)


def test_a_placed_program_keeps_its_range(tmp_path: Path) -> None:
    placed = place(linear_program(FLOAT8_E5M2, 4, 2), strategy="folded: 4", sets=4)
    assert placed.step.low < placed.step.value < placed.step.high == 153_000  # weights are fed by the host
    assert ProgramPlacement.load(placed.save(tmp_path / "p.json")) == replace(placed, schedules=())


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(NexusError, match="timing 'loihi3' does not exist; choose one of loihi1, loihi2"):
        load_timing("loihi3")
    data = yaml.safe_load((FOLDER / "loihi2.yaml").read_text())
    data["synaptic_op_ns"]["high"] = 0.1
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(NexusError, match=r"0\.7 is not in the range 0\.7 \.\. 0\.1"):
        load_timing(str(path))
