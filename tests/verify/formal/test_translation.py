"""Terms of a network against the executor that evaluates its neurons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("bitwuzla")

from lava_nexus.circuits import circuit
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.verify.formal.solve import satisfiable
from lava_nexus.verify.formal.terms import Terms
from lava_nexus.verify.formal.translation import translate
from tests.execute.cpu.networks import as_circuit, random_networks


def _evaluated(network: ThresholdNetwork, operands: list[int]) -> int:
    """The answer of the terms to operands that are assigned, as the solver's model has it."""
    terms = Terms()
    inputs = {port.name: terms.variable(port.name, port.width) for port in network.inputs}
    (answer,) = translate(terms, network, inputs).values()
    result = terms.variable("result", network.outputs[0].width)
    values = zip(network.inputs, operands, strict=True)
    assigned = [terms.equal(inputs[port.name], terms.number(value, port.width)) for port, value in values]
    found = satisfiable(terms, [*assigned, terms.equal(result, answer)], [result])
    assert found.verdict == "sat"
    return found.values[0]


@given(random_networks(), st.data())
@settings(max_examples=20)
def test_terms_are_what_the_neurons_answer(network: ThresholdNetwork, data: st.DataObject) -> None:
    operands = [data.draw(st.integers(0, 2**port.width - 1)) for port in network.inputs]
    patterns = [np.array([value], port.pattern_dtype) for value, port in zip(operands, network.inputs, strict=True)]
    neurons = BitslicedExecutor(count=False, threads=1).invoke(as_circuit(network), patterns)
    assert _evaluated(network, operands) == int(neurons[0])


def test_a_cut_stands_in_for_its_signal() -> None:
    network = circuit("compare_lt", FloatFormat(2, 1)).network
    terms = Terms()
    inputs = {port.name: terms.variable(port.name, port.width) for port in network.inputs}
    (output,) = network.outputs[0].signals
    assert translate(terms, network, inputs, {output: terms.true})["out"].value(2) == "1"
