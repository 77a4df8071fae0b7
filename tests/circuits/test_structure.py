"""What circuits are made of: hardware rules, counts that may only fall, delays, and spikes on every executor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.formats import FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, FLOAT32, FLOAT64, INT8
from lava_nexus.neurons import LOIHI2, check
from lava_nexus.verify.operands import operands
from tests.circuits.cases import CASES, LIGHT_FIRST, WIDE_LAST, Case, large, marked
from tests.evaluate import evaluate, input_spikes

# FP32: neurons and depth that were asked for, neurons and depth there are today.
CEILINGS = {
    "add": (900, 47, 670, 46),
    "mul": (1800, 58, 1079, 52),
    "div": (3300, None, 2210, 231),
    "sqrt": (2200, None, 1052, 172),
    "fma": (3200, None, 1692, 82),
    "exp": (5000, None, 2300, 176),
}


@pytest.mark.parametrize("operation", CEILINGS)
def test_fp32_circuits_stay_below_their_counts(operation):
    built = circuit(operation, FLOAT32)
    asked, asked_depth, today, today_depth = CEILINGS[operation]
    assert built.neurons <= min(asked, today)
    assert built.depth <= min(asked_depth or today_depth, today_depth)


@pytest.mark.parametrize("operation", ["add", "mul"])
def test_the_style_of_least_depth_is_less_deep(operation):
    assert circuit(operation, FLOAT32, style="depth").depth < 0.7 * circuit(operation, FLOAT32).depth


@pytest.mark.parametrize("case", marked(CASES, large))
def test_networks_obey_the_hardware_rules_and_end_together(case):
    check_structure(case, case.build())


@pytest.mark.parametrize("case", WIDE_LAST)
def test_networks_of_least_depth_obey_them_too(case):
    check_structure(case, case.build(style="depth"))


@pytest.mark.parametrize("case", LIGHT_FIRST)
def test_networks_of_the_published_gates_obey_them_too(case):
    check_structure(case, case.build(basis="nexus"))


def check_structure(case: Case, built: Circuit) -> None:
    network, predicate = built.network, case.operation.startswith("compare")
    check(network)
    assert {int(network.signal_levels[s]) for port in network.outputs for s in port.signals} == {network.depth}
    addend = [case.to] if case.operation == "fma" else []
    assert [port.format for port in network.inputs] == [case.fmt] * (len(network.inputs) - len(addend)) + addend
    assert built.output.format == (None if predicate else case.to)
    assert built.output.width == (1 if predicate else case.to.bits)
    assert network.fan_out[network.n_inputs :][~is_output(network)].all(), "a neuron that nothing reads"


def is_output(network):
    flags = np.zeros(network.n_signals, dtype=bool)
    flags[[s for port in network.outputs for s in port.signals]] = True
    return flags[network.n_inputs :]


@pytest.mark.parametrize("max_delay", [0, 6, 62])
@pytest.mark.parametrize(
    ("operation", "fmt"), [("add", FLOAT32), ("mul", FLOAT32), ("div", FLOAT16), ("exp", FLOAT8_E5M2)]
)
def test_delays_stay_within_what_was_asked_for(operation, fmt, max_delay):
    network = circuit(operation, fmt, max_delay=max_delay).network
    check(network, replace(LOIHI2, max_delay=max_delay))
    assert network.delays.max() <= max_delay
    assert network.neurons - network.relays == circuit(operation, fmt).neurons - circuit(operation, fmt).network.relays


@pytest.mark.parametrize(
    ("operation", "fmt", "options"),
    [
        ("sub", FLOAT16, {}),
        ("div", FLOAT8_E4M3FN, {"basis": "nexus"}),
        ("sqrt", FLOAT16, {"max_delay": 3}),
        ("exp", FLOAT8_E5M2, {}),
        ("mul", FLOAT16, {"style": "depth"}),
        ("compare_le", FLOAT32, {}),
    ],
)
def test_every_neuron_spikes_alike_on_membranes_words_and_by_definition(operation, fmt, options):
    built = circuit(operation, fmt, **options)
    sets = [x[:: max(1, len(x) // 500)] for x in operands(fmt, len(built.inputs), 5000)]
    spikes = evaluate(built.network, input_spikes(built.network, sets))
    membranes = MembraneExecutor(threads=1).membranes(built, sets)
    assert np.array_equal(membranes.spikes, spikes)
    for executor in (BitslicedExecutor(threads=1), MembraneExecutor(threads=1)):
        assert np.array_equal(executor.invoke(built, sets), built.golden(*sets))
        (tally,) = executor.tallies
        assert np.array_equal(tally.signal_spikes, spikes.sum(axis=0))
        assert tally.spikes == spikes[:, built.network.n_inputs :].sum() > 0


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        (("divide", FLOAT32), {}, "operation 'divide' does not exist; choose one of add, "),
        (("add", "float31"), {}, "format 'float31' does not exist; choose one of float8_e4m3fn, "),
        (("convert", FLOAT32), {"to": "int7"}, "format 'int7' does not exist; choose one of float8_e4m3fn, "),
        (
            ("add", FLOAT32),
            {"to": FLOAT64},
            "operation 'add' has no output format of its own, so 'to=float64' must be float32",
        ),
        (("add", FLOAT32), {"basis": "nand"}, "basis 'nand' does not exist; choose one of threshold, nexus"),
        (("add", FLOAT32), {"style": "width"}, "basis 'threshold' has no style 'width'; choose one of neurons, depth"),
        (("add", FLOAT8_E5M2), {"max_delay": -1}, "largest delay -1 is below 0"),
        (("add", FLOAT32), {"subnormal": False}, "operation 'add' has no option 'subnormal'; it takes subnormals"),
        (("neg", FLOAT32), {"terms": 3}, "operation 'neg' has no option 'terms'; it takes none"),
        (("mul", FLOAT32), {"subnormals": 0}, "option 'subnormals' of operation 'mul' is 0, which is not True"),
        (("convert", FLOAT32), {"to": INT8, "rounding": "up"}, "option 'rounding' of operation 'convert' is 'up', "),
        (("convert", INT8), {"to": FLOAT32, "rounding": "zero"}, "rounding 'zero' is for conversions of "),
        (("add", INT8), {}, "format IntegerFormat(bits=8, signed=True) of operation 'add' is not a FloatFormat"),
        (("dot_exact", FLOAT16), {"terms": 0}, "option 'terms' of operation 'dot_exact' is 0, which is not 1 .. 1024"),
    ],
)
def test_what_does_not_exist_is_told_in_one_sentence(arguments, options, sentence):
    with pytest.raises(NexusError) as caught:
        circuit(*arguments, **options)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_circuit_is_built_once_and_tells_what_it_is():
    adder = circuit("add", FLOAT32)
    assert circuit("add", FLOAT32) is adder
    assert adder.digest == Case("add", FLOAT32, FLOAT32).build().digest != circuit("sub", FLOAT32).digest
    assert repr(adder).startswith("<Circuit add float32, threshold basis: ")
    assert (adder.neurons, adder.synapses, adder.depth) == (
        adder.network.neurons,
        adder.network.synapses,
        adder.network.depth,
    )
