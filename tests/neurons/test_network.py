"""The network as data: its text, its counts, its name by content."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lava_nexus.formats import FLOAT8_E4M3FN, FLOAT8_E5M2
from lava_nexus.neurons import TRUE, Builder, Port, ThresholdNetwork, to_text


def xor_and_copy(max_delay=62):
    builder = Builder()
    a, b = (bit for name in "ab" for bit in builder.input(name, width=1))
    both = builder.gate([(a, 1), (b, 1)], 2)
    xor = builder.gate([(a, 1), (b, 1), (both, -2)], 1)
    same = builder.gate([(xor, -1)], 0)
    return builder.finish([("xor", [xor], None), ("flags", [same, a], None)], max_delay)


def test_the_text_form_is_one_neuron_a_line():
    assert to_text(xor_and_copy()) == (
        "input a : 1 bits\n"
        "input b : 1 bits\n"
        "n0 @1 = [ +1*a.0 +1*b.0 >= 2 ]\n"
        "n1 @2 = [ +1*a.0 +1*b.0 -2*n0 >= 1 ]\n"
        "n2 @3 = [ +1*strobe -1*n1 >= 1 ]\n"
        "n3 @3 = [ +1*n1 >= 1 ] relay\n"
        "n4 @3 = [ +1*a.0 >= 1 ] relay\n"
        "output xor : 1 bits = n3\n"
        "output flags : 2 bits = n4 n2\n"
    )


def test_the_text_names_formats_and_silent_outputs():
    builder = Builder()
    x = builder.input("x", FLOAT8_E4M3FN)
    text = to_text(builder.finish([("y", [x[7], -1], FLOAT8_E5M2)]))
    assert text == (
        "input x : float8_e4m3fn\nn0 @1 = [ 0 >= 1 ]\nn1 @1 = [ +1*x.7 >= 1 ] relay\noutput y : float8_e5m2 = n0 n1\n"
    )


def test_counts_are_read_off_the_arrays():
    network = xor_and_copy(max_delay=0)
    assert network.neurons == network.n_signals - network.n_inputs == len(to_text(network).splitlines()) - 4
    assert network.relays == to_text(network).count("relay")
    assert network.synapses == to_text(network).count("*") == network.fan_out.sum()
    assert network.strobed == to_text(network).count("*strobe")
    assert network.fan_out[1] == to_text(network).count("*a.0")
    assert np.array_equal(np.bincount(network.targets), np.diff(network.offsets))


def test_a_port_is_as_wide_as_it_needs():
    assert [Port("p", tuple(range(n))).pattern_dtype.itemsize for n in (0, 1, 8, 9, 16, 17, 32, 33, 64)] == [
        1, 1, 1, 2, 2, 4, 4, 8, 8,
    ]  # fmt: skip


def test_the_same_gates_have_the_same_digest():
    assert xor_and_copy().digest == xor_and_copy().digest


@pytest.mark.parametrize("field", ["sources", "weights", "thresholds", "levels", "relay", "offsets"])
def test_any_change_of_content_changes_the_digest(field):
    network = xor_and_copy()
    array = getattr(network, field).copy()
    array[-1] = not array[-1] if array.dtype == bool else array[-1] + 1
    assert _copy(network, **{field: array}).digest != network.digest


def test_ports_are_content_too():
    network = xor_and_copy()
    renamed = replace(network.outputs[0], name="xnor")
    typed = replace(network.outputs[0], format=FLOAT8_E5M2)
    swapped = tuple(reversed(network.inputs))
    digests = [
        network.digest,
        _copy(network, outputs=(renamed, network.outputs[1])).digest,
        _copy(network, outputs=(typed, network.outputs[1])).digest,
        _copy(network, inputs=swapped).digest,
        _copy(network, inputs=network.inputs[:1], outputs=network.inputs[1:] + network.outputs).digest,
    ]
    assert len(set(digests)) == len(digests)


def _copy(network: ThresholdNetwork, **changes) -> ThresholdNetwork:
    return replace(network, **changes)


def test_a_constant_one_leaves_as_the_strobe():
    builder = Builder()
    builder.input("x", width=1)
    assert "= [ +1*strobe >= 1 ]\n" in to_text(builder.finish([("y", [TRUE], None)]))
