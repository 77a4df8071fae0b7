"""Bounds and equations of neurons against every assignment of their inputs; the product of small multipliers."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings

pytest.importorskip("bitwuzla")

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT8_E5M2, FLOAT16, FLOAT32, FloatFormat
from lava_nexus.neurons import STROBE, ThresholdNetwork
from lava_nexus.verify.formal.product import IDENTITY, SPECIAL, Form, Sums, combined
from lava_nexus.verify.formal.proof import AnyObligation, obligation
from lava_nexus.verify.formal.solve import SubtractionObligation
from lava_nexus.verify.formal.terms import Split
from lava_nexus.verify.formal.translation import simulate
from tests.execute.cpu.networks import counter, random_networks, ripple_adder

TINY = FloatFormat(3, 2)


def _values(network: ThresholdNetwork, form: Form) -> np.ndarray:
    """The form over every assignment of the inputs."""
    widths = [port.width for port in network.inputs]
    every = np.array(list(product(*(range(1 << width) for width in widths))), np.uint64).T
    spikes = simulate(network, list(every)).astype(int)
    return sum((weight * spikes[signal] for signal, weight in form.items()), np.zeros(spikes.shape[1], int))


@given(random_networks())
@settings(max_examples=30)
def test_every_remainder_is_within_its_bounds(network: ThresholdNetwork) -> None:
    if sum(port.width for port in network.inputs) > 12:
        return
    for form, least, most in Sums(network).remainders.values():
        values = _values(network, form)
        assert least <= values.min() and values.max() <= most


def test_the_digits_of_a_counter_add_up() -> None:
    network = counter(9)
    sums = Sums(network)
    claim = {signal: 1 << k for k, signal in enumerate(reversed(network.outputs[0].signals))}
    inputs = {signal: 1 for signal in network.inputs[0].signals}
    assert sums.reduced(combined(claim, inputs, -1), inputs, 1 << 4) == {}
    assert sums.reduced(combined(claim, {**inputs, STROBE: 1}, -1), inputs, 1 << 4) == {STROBE: 15}


def test_the_digits_of_an_adder_add_up_modulo_their_width() -> None:
    network = ripple_adder(6)
    x, y = (port.signals[::-1] for port in network.inputs)
    sums = Sums(network)
    claim = {signal: 1 << k for k, signal in enumerate(reversed(network.outputs[0].signals))}
    operands = {signal: 1 << k for word in (x, y) for k, signal in enumerate(word)}
    left = sums.reduced(combined(claim, operands, -1), operands, 1 << 6)
    assert left == {}


@pytest.mark.parametrize("fmt", [TINY, FLOAT16, FLOAT32])
def test_a_multipliers_bits_add_up_to_its_partial_products(fmt: FloatFormat) -> None:
    assert obligation(circuit("mul", fmt), "product").prove(IDENTITY, 60).verdict == "unsat"


def _verdicts(question: AnyObligation) -> set[str]:
    return {question.prove(case, 60).verdict for case in question.cases}


def test_a_small_multiplier_is_proven_in_parts() -> None:
    assert _verdicts(obligation(circuit("mul", TINY), "product")) == {"unsat"}
    assert _verdicts(obligation(circuit("mul", TINY, to=FloatFormat(4, 5)), "product")) == {"unsat"}


def test_the_basis_of_other_cells_is_left_undecided() -> None:
    assert obligation(circuit("mul", TINY, basis="nexus"), "product").prove(IDENTITY, 60).verdict == "unknown"


def _with_threshold(sound: Circuit, neuron: int, more: int) -> Circuit:
    thresholds = sound.network.thresholds.copy()
    thresholds[neuron] += more
    return replace(sound, network=replace(sound.network, thresholds=thresholds))


def test_no_damage_to_the_multiplier_passes_unless_it_changes_nothing() -> None:
    """Every part that accepts a damaged network is right to do so: it answers as the sound one on all pairs."""
    sound = circuit("mul", TINY)
    every = np.arange(1 << (2 * TINY.bits), dtype=np.uint64)
    pairs = [every >> np.uint64(TINY.bits), every & np.uint64((1 << TINY.bits) - 1)]
    outputs = list(sound.output.signals)
    right = simulate(sound.network, pairs)[outputs]
    for neuron in range(3, sound.neurons, 17):
        damaged = _with_threshold(sound, neuron, 1)
        harmless = (simulate(damaged.network, pairs)[outputs] == right).all()
        try:
            accepted = _verdicts(obligation(damaged, "product")) == {"unsat"}
        except NexusError:  # the product is no longer there to be cut at
            accepted = False
        assert harmless or not accepted


def test_a_wrong_rounding_of_specials_is_refuted() -> None:
    sound = circuit("mul", FLOAT8_E5M2)
    sign = sound.output.signals[0] - sound.network.n_inputs
    answer = obligation(_with_threshold(sound, sign, 1), "product").prove(SPECIAL, 60)
    assert answer.verdict == "sat" and len(answer.values) == 2


def test_subtraction_rests_on_addition() -> None:
    adder, subtracter = circuit("add", FLOAT8_E5M2), circuit("sub", FLOAT8_E5M2)
    assert _verdicts(obligation(subtracter, "addition", adder)) == {"unsat"}
    swapped = SubtractionObligation(FLOAT8_E5M2, adder.network, adder.network)
    assert swapped.prove(swapped.cases[0], 60).verdict == "sat"


@pytest.mark.parametrize(("how", "other"), [("product", "mul"), ("addition", "sub")])
def test_a_split_of_another_operation_is_one_sentence(how: Split, other: str) -> None:
    with pytest.raises(NexusError, match=f"'{how}' is for {other}, not for div"):
        obligation(circuit("div", TINY), how)
