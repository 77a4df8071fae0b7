"""Counts of a sample: unbiased within their stated error, the same by seed, never shown as exact integers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from lava_nexus import place
from lava_nexus.circuits import circuit
from lava_nexus.energy import energy_of
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.run import executor, run
from lava_nexus.execute.sampled import GROUPS, Estimate, Sample, SampledTally
from lava_nexus.execute.tallies import Tallies
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT32, FloatFormat
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.report import Run, run_counts, write_report
from lava_nexus.lab.runs.job import Step, StepStore
from lava_nexus.models.forward import Counts
from tests.execute.cuda.cases import linear_layer, patterns

SETS = 40_000
SEEDS = range(25)


def _off(name: str, fmt: FloatFormat, seed: int) -> list[float]:
    """By how many standard errors estimates of one seed miss the exact counts."""
    made = circuit(name, fmt)
    operands = [patterns(fmt, (SETS,), number) for number, _ in enumerate(made.inputs)]
    exact, sampled = BitslicedExecutor(threads=1), BitslicedExecutor("sample", threads=1, seed=seed)
    np.testing.assert_array_equal(sampled.invoke(made, operands), exact.invoke(made, operands))
    (known,), (found,) = exact.tallies, sampled.tallies
    assert isinstance(found, SampledTally) and found.signal_spikes is None
    pairs = ((found.spikes, known.spikes), (found.synops, known.synops))
    return [(estimate.value - count) / estimate.error for estimate, count in pairs]


@pytest.mark.parametrize(
    ("name", "fmt"), [("add", FLOAT8_E4M3FN), ("mul", FLOAT8_E5M2), ("max", BFLOAT16), ("neg", FLOAT8_E5M2)]
)
def test_estimates_lie_about_the_exact_counts_as_their_errors_say(name: str, fmt: FloatFormat) -> None:
    off = np.array([_off(name, fmt, seed) for seed in SEEDS])
    assert np.abs(off).max() < 5  # Student's t of 15 degrees of freedom
    assert (np.abs(off.mean(axis=0)) < 3 / np.sqrt(len(SEEDS))).all()
    assert (np.sqrt((off**2).mean(axis=0)) < 1.6).all()


def test_every_unit_is_drawn_as_often_as_any_other() -> None:
    sample, drawn = Sample(0.1, seed=3), np.zeros(1000)
    size = sample.size(1000, 2)
    assert size == 128
    for _ in range(400):
        np.add.at(drawn, sample.drawn(np, 1000, size, 2), 1)
    assert drawn.sum() == 400 * size
    assert np.abs(drawn / 400 - 0.128).max() < 6 * np.sqrt(0.128 / 400)
    first = Sample(0.1, seed=3).drawn(np, 1024, size, 2)
    assert (np.bincount(first * size // 1024) == 1).all()
    assert (first != Sample(0.1, seed=4).drawn(np, 1024, size, 2)).any()


def test_a_seed_gives_the_same_estimates_and_few_sets_are_counted_all() -> None:
    made = circuit("add", FLOAT8_E4M3FN)
    x = patterns(FLOAT8_E4M3FN, (SETS,), 1)
    ours, again, other = (BitslicedExecutor("sample", threads=1, seed=seed) for seed in (1, 1, 2))
    for one in (ours, again, other):
        one.begin(3)
        one.invoke(made, [x, x])
    told = [str(one.tallies.synops) for one in (ours, again, other)]
    assert told[0] == told[1] != told[2]
    few = run(made, [1.5] * 50, 0.25, count="sample")
    assert (few.spikes, few.synops) == (run(made, [1.5] * 50, 0.25).spikes, run(made, [1.5] * 50, 0.25).synops)
    assert isinstance(few.spikes, int)


def test_estimates_add_up_with_what_they_owe_to_common_samples() -> None:
    one = Estimate(100.0, (3.0, -3.0) * (GROUPS // 2), 10, 100)
    assert one.error == pytest.approx(3 / np.sqrt(GROUPS - 1))
    assert (one + one).error == pytest.approx(2 * one.error) and (one + 5).value == 105
    assert sum([1, one, -1 * one], 0).error == 0
    assert f"{one:,}" == "100 ± 0.77" and str(one / 2) == "50 ± 0.39 (sampled, 10 of 100)"


def test_reports_and_energy_say_that_counts_are_estimates(tmp_path: Path) -> None:
    made = circuit("mul", FLOAT8_E4M3FN)
    x = patterns(FLOAT8_E4M3FN, (SETS,), 1)
    sampled = BitslicedExecutor("sample", threads=1)
    sampled.invoke(made, [x, x])
    (tally,) = sampled.tallies
    energy = energy_of(tally)
    assert energy.notes[-1].startswith("spikes and SynOps are estimates, sampled, 8,192 of 40,000 operand sets: ")
    counts = run_counts({"layer": sampled.tallies}, "loihi1_pre_silicon")
    nothing: dict[str, Any] = {"neurons": 1, "synapses": 1, "depth": 1, "time_steps": 1, "ulp_strict": None}
    report = Run(title="", config={}, executor="bitsliced", inputs=1, wall_seconds=0.0, **nothing, **counts)
    write_report(report, tmp_path)
    written = json.loads((tmp_path / "report.json").read_text())
    wanted = {"estimate": tally.synops.value, "standard_error": tally.synops.error}
    assert written["synops"] == {**wanted, "counted_sets": 8192, "sets": SETS}
    page = (tmp_path / "report.md").read_text()
    assert "Estimated with standard errors: spikes, SynOps (sampled, 8,192 of 40,000 operand sets)" in page
    assert f"{tally.synops:,}" in page and "±" in (tmp_path / "circuits.csv").read_text()


def test_a_finished_step_keeps_what_a_sample_showed(tmp_path: Path) -> None:
    made = circuit("neg", FLOAT8_E5M2)
    runs = BitslicedExecutor("sample", threads=1)
    runs.invoke(made, [patterns(FLOAT8_E5M2, (SETS,), 1)])
    store = StepStore(tmp_path, {})
    store.save(0, Step("one", 0.0, Counts({"layer": runs.tallies})))
    (step,) = store.load(lambda name, before: [made])
    (kept,), (known,) = step.counts.tallies, runs.tallies
    assert kept == known and str(kept.synops) == str(known.synops)


def test_the_config_of_a_run_says_what_is_counted() -> None:
    digits = {"model": {"kind": "digits"}, "executor": "bitsliced", "seed": 3}
    sampled = RunConfig.model_validate({**digits, "count": "sample", "fraction": 0.25})
    assert sampled.executor_options == {"count": "sample", "fraction": 0.25, "seed": 3}
    assert RunConfig.model_validate({**digits, "count": "none"}).executor_options == {"count": False}
    assert RunConfig.model_validate(digits).executor_options == {}
    on_gpus = RunConfig.model_validate({**digits, "executor": "cuda", "devices": [0, 1], "count": "none"})
    assert on_gpus.executor_options == {"devices": (0, 1), "count": False}
    with pytest.raises(ValidationError, match="'devices' is of GPUs, but executor is bitsliced, not cuda"):
        RunConfig.model_validate({**digits, "devices": [1]})
    with pytest.raises(ValidationError, match="'count: sample' is for executors bitsliced and cuda, not lava"):
        RunConfig.model_validate({**digits, "executor": "lava", "count": "sample"})


def test_messages_between_cores_need_the_spikes_of_single_neurons() -> None:
    made = circuit("mul", FLOAT8_E4M3FN)
    placement = place(made)
    x = patterns(FLOAT8_E4M3FN, (SETS,), 1)
    found = BitslicedExecutor("sample", threads=1)
    found.invoke(placement.as_placed(made), [x, x])
    with pytest.raises(NexusError, match="counted spikes in sum, not signal by signal"):
        energy_of(found.tallies, placement=placement)


def test_what_needs_more_than_a_sample_refuses() -> None:
    with pytest.raises(NexusError, match="executor 'membrane' counts every spike or none, not a sample"):
        executor("membrane", count="sample")
    with pytest.raises(NexusError, match=r"fraction 1\.5 of the operand sets is not above 0 and at most 1"):
        executor(count="sample", fraction=1.5)
    with pytest.raises(NexusError, match="count 'some' is not one of True, False, 'activity', 'sample'"):
        executor(count="some")


def test_empty_operands_count_nothing() -> None:
    made, none = circuit("neg", FLOAT8_E5M2), np.zeros(0, np.uint8)
    sampled = BitslicedExecutor("sample", threads=1)
    sampled.invoke(made, [none])
    sampled.invoke(made, [none])
    assert isinstance(sampled.tallies, Tallies) and (sampled.tallies.spikes, sampled.tallies.synops) == (0, 0)


@pytest.mark.cuda
@pytest.mark.parametrize(("name", "sets"), [("mul", 1 << 22), ("exp", 300_001)])
def test_a_gpu_estimates_the_counts_of_an_operation(name: str, sets: int) -> None:
    made = circuit(name, FLOAT32)
    operands = [patterns(FLOAT32, (sets,), number) for number, _ in enumerate(made.inputs)]
    exact, off = executor("cuda"), []
    expected = exact.invoke(made, operands)
    for seed in range(12):
        runs = executor("cuda", count="sample", fraction=0.004, seed=seed)
        np.testing.assert_array_equal(runs.invoke(made, operands), expected)
        (found,), (known,) = runs.tallies, exact.tallies
        assert 2 * found.counted < found.invocations
        for estimate, count in ((found.spikes, known.spikes), (found.synops, known.synops)):
            off.append((estimate.value - count) / estimate.error)
    assert np.abs(off).max() < 5 and np.sqrt(np.mean(np.square(off))) < 1.6


@pytest.mark.cuda
@pytest.mark.parametrize("how", ["sequential", "fma"])
@pytest.mark.parametrize("shape", [(64, 300, 1000), (200, 7, 20_000)])
def test_a_gpu_estimates_the_counts_of_sums_of_products(how: str, shape: tuple[int, int, int]) -> None:
    bits, exact = linear_layer(executor("cuda"), how, shape, BFLOAT16)
    again = [linear_layer(executor("cuda", count="sample", seed=seed), how, shape, BFLOAT16) for seed in (0, 0, 1)]
    told = [str(tallies.synops) for _, tallies in again]
    assert told[0] == told[1] != told[2]
    for found, sampled in again:
        np.testing.assert_array_equal(found[0], bits[0])
        for one, known in zip(sampled, exact, strict=True):
            for estimate, count in ((one.spikes, known.spikes), (one.synops, known.synops)):
                assert abs(estimate.value - count) < 5 * estimate.error < 0.1 * count
