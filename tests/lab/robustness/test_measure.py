"""Cells, theory and verdicts: small circuits against enumeration and the normal tail."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict

import numpy as np
import pytest
from scipy import stats

from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.formats import FLOAT8_E4M3FN
from lava_nexus.lab.published import PublishedAccuracy, published
from lava_nexus.lab.robustness.cells import Cells
from lava_nexus.lab.robustness.circuits import LOGIC, logic_circuit
from lava_nexus.lab.robustness.measure import Accuracy, Condition, compare, deviations, measure, predict, verdict
from lava_nexus.neurons import MEMORYLESS, NonIdealities, check


def every_operand(made):
    grid = np.meshgrid(*[np.arange(1 << port.width).astype(port.pattern_dtype) for port in made.inputs])
    return [x.ravel() for x in grid]


PLAIN = {
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "xor": lambda a, b: a != b,
    "mux": lambda c, a, b: a if c else b,
    "full_adder": lambda a, b, c: a + b + c,
    "adder_4bit": lambda a, b: a + b,
    "mult_4x4": lambda a, b: a * b,
    "not": lambda a: 1 - a,
    "barrel_shifter": lambda a, n: int(format(a, "08b")[n:].ljust(8, "0"), 2),
}


@pytest.mark.parametrize("basis", ["nexus", "threshold"])
@pytest.mark.parametrize("name", list(LOGIC))
def test_logic_circuits_on_all_operands(name, basis):
    made = logic_circuit(name, basis)
    assert made.title == name
    check(made.network)
    operands = every_operand(made)
    expected = [int(PLAIN[name](*x)) for x in zip(*(o.tolist() for o in operands), strict=True)]
    assert MembraneExecutor().invoke(made, operands).tolist() == expected
    assert made.golden(*operands).tolist() == expected


def test_published_cells_are_of_one_neuron_a_gate():
    assert [logic_circuit(n, "nexus").neurons for n in ("and", "or", "xor", "mux", "full_adder")] == [1, 1, 5, 5, 13]


@pytest.mark.parametrize("noise_on", ["membrane", "inputs", "active"])
@pytest.mark.parametrize("name", ["and", "or"])
def test_measured_accuracy_of_a_gate_is_that_of_the_normal_tail(name, noise_on):
    sigma, theta = 0.3, {"and": 1.5, "or": 0.5}[name]
    errors = []
    for ones in (0, 1, 1, 2):
        n = {"membrane": 1, "inputs": 2, "active": ones}[noise_on]
        errors.append(stats.norm.sf(abs(ones - theta) / sigma / math.sqrt(n)) if n else 0.0)
    expected = 1 - float(np.mean(errors))
    non = NonIdealities(noise=sigma, noise_on=noise_on)
    found = measure(logic_circuit(name, "nexus"), Condition(nonidealities=non), 40_000, 8, 0)
    assert abs(found.accuracy - expected) < 4.5 * math.sqrt(expected * (1 - expected) / 40_000)
    assert found.bit_error_rate == pytest.approx(1 - found.accuracy)
    assert found.deviation == pytest.approx(math.sqrt(expected * (1 - expected) / 5000), rel=0.9)
    theory = predict(logic_circuit(name, "nexus"), MEMORYLESS, non, 4000, 1, 100)
    assert theory.no_flip == pytest.approx(theory.masked) == pytest.approx(expected)


def exact_xor_accuracy(sigma):
    """By enumeration of what all five gates of the published XOR can do, noise on the membrane."""

    def fires(v, theta):
        return stats.norm.sf((theta - v) / sigma)

    right = 0.0
    for a, b in itertools.product((0, 1), repeat=2):
        for na, nb, left, low in itertools.product((0, 1), repeat=4):
            p = 1.0
            for bit, chance in (
                (na, fires(1 - a, 0.5)),
                (nb, fires(1 - b, 0.5)),
                (left, fires(a + nb, 1.5)),
                (low, fires(na + b, 1.5)),
            ):
                p *= chance if bit else 1 - chance
            out = fires(left + low, 0.5)
            right += p * (out if a != b else 1 - out) / 4
    return right


@pytest.mark.parametrize("sigma", [0.2, 0.35, 0.5])
def test_xor_of_five_gates_errs_as_enumeration_says(sigma):
    expected = exact_xor_accuracy(sigma)
    non = NonIdealities(noise=sigma)
    found = measure(logic_circuit("xor", "nexus"), Condition(nonidealities=non), 60_000, 6, 3)
    assert abs(found.accuracy - expected) < 4.5 * math.sqrt(expected * (1 - expected) / 60_000)


def test_theory_of_a_circuit_holds_where_flips_are_rare():
    non = NonIdealities(noise=0.15)
    adder = circuit("add", FLOAT8_E4M3FN)
    found = measure(adder, Condition(nonidealities=non), 20_000, 4, 0)
    theory = predict(adder, MEMORYLESS, non, 1000, 0, 4000)
    assert theory.no_flip < theory.masked and 0.5 < theory.harmful <= 1
    assert abs(theory.masked - found.accuracy) < 0.012
    assert found.accuracy >= theory.no_flip - 4.5 * found.standard_error
    assert predict(adder, MEMORYLESS, NonIdealities(), 100, 0, 10).masked == 1.0


def test_theory_of_faults_and_spread():
    gate = logic_circuit("and", "nexus")
    lost = predict(gate, MEMORYLESS, NonIdealities(lost=0.2, spurious=0.1), 1, 0, 100)
    assert lost.no_flip == pytest.approx(1 - (0.25 * 0.2 + 0.75 * 0.1))
    flipped = predict(gate, MEMORYLESS, NonIdealities(flipped=0.4), 1, 0, 100)
    # 1 by bits 0 and 7 turns 0 and -127, by any other 3 .. 65: (1, 1) falls by two of 8 bits of either, a lone 1 rises.
    assert flipped.no_flip == pytest.approx((1 + 2 * (1 - 0.4 * 6 / 8) + (1 - 2 * 0.4 * 2 / 8)) / 4)
    uniform = predict(gate, MEMORYLESS, NonIdealities(spread=0.5, spread_shape="uniform"), 1, 0, 100)
    assert uniform.no_flip == pytest.approx(1 - 0.75 * 0.25 / 1.5)  # beyond a half, of -3/4 .. 3/4


@pytest.mark.parametrize("fault", ["repeated", "flipped"])
def test_theory_of_faults_of_synapses(fault):
    non, adder = NonIdealities(**{fault: 2e-4}), circuit("add", FLOAT8_E4M3FN)
    found = measure(adder, Condition(nonidealities=non), 20_000, 4, 0)
    theory = predict(adder, MEMORYLESS, non, 1000, 0, 4000)
    assert 0.003 < 1 - theory.masked < 0.2 and abs(theory.masked - found.accuracy) < 0.012


def test_cells_are_kept_and_measured_once(tmp_path):
    cells, gate = Cells(tmp_path / "cells"), logic_circuit("and", "nexus")
    condition = Condition(nonidealities=NonIdealities(noise=0.3))

    def found(seed, again=measure):
        parts = [gate.digest, repr(condition), 300, 3, seed]
        return cells.measured(lambda of, seed: asdict(again(gate, condition, *of, seed)), (300, 3), [(parts, seed)])

    first = found(0)
    (path,) = (tmp_path / "cells").iterdir()
    assert found(0, lambda *_: pytest.fail("measured twice")) == first
    path.write_text("{ half a fi")  # a damaged file is measured again, to the same numbers
    assert found(0) == first
    assert np.load(path)["header"].tobytes().count(b'"trials": 300') == 1
    assert found(1) != first
    assert len(list((tmp_path / "cells").iterdir())) == 2


def test_bits_that_differ_are_counted():
    equal, bits = compare(np.array([0, 255, 3], np.uint8), np.array([0, 0, 2], np.uint8))
    assert equal == pytest.approx(1 / 3) and bits == pytest.approx(9 / 3)


def cell(accuracy, deviation=0.003, trials=10_000, seeds=10):
    return Accuracy(accuracy, deviation, 1 - accuracy, deviation, trials, seeds, 0.0, 0.0, 0.0)


def test_inconsistent_needs_every_model_to_exclude():
    printed = PublishedAccuracy(0.984, 0.002, "a table")
    models = {"membrane": cell(0.9955), "inputs": cell(0.971), "active": cell(0.987)}
    assert verdict(printed, models) == "as active"
    del models["active"]
    said = verdict(printed, models)
    assert said.startswith("inconsistent: nearest is inputs, 97.10 %, 4.8") and said.endswith("s.d. away")
    beside = verdict(printed, models, {"threshold basis, membrane": cell(0.9835)})
    assert beside == f"{said}; other circuits agree: threshold basis, membrane"
    assert deviations(printed, cell(0.984)) == 0.0
    assert deviations(printed, cell(0.9801, 0.0, 10**9)) == pytest.approx(0.0034 / 0.002, rel=0.01)


def test_published_cells_are_there():
    assert published("robustness")["noise_gates"]["and", 0.2].accuracy == pytest.approx(0.984)
    assert published("robustness")["fp_noise"]["add float8_e4m3fn", 0.05] == PublishedAccuracy(
        0.95, 0.004, published("robustness")["fp_noise"]["add float8_e4m3fn", 0.05].source
    )
    names = ("beta_scan", "noise_gates", "noise_arith", "threshold_variation", "fp_noise")
    assert sum(len(published("robustness")[name]) for name in names) == 92


def test_a_circuit_that_does_not_exist():
    with pytest.raises(NexusError, match="logic circuit 'nand' does not exist; choose one of and, or, xor"):
        logic_circuit("nand", "nexus")
