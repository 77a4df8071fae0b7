"""Process `Network` at both levels, between encoder and decoder."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lava")

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava import Decoder, Encoder, Network, Session, latency, spike_trains
from lava_nexus.execute.lava.lif import carry_strobe, check_lif
from lava_nexus.formats import FLOAT16
from lava_nexus.neurons import Builder, ThresholdNetwork, violations
from tests.evaluate import evaluate, input_spikes, output_patterns
from tests.execute.lava.operands import random_operands
from tests.networks import as_circuit, random_network


def ripple_carry_adder(bits: int, max_delay: int) -> ThresholdNetwork:
    """Two neurons a bit: carry = [a + b + c >= 2], sum = [a + b + c - 2 carry >= 1]."""
    builder = Builder()
    a, b = builder.input("a", width=bits), builder.input("b", width=bits)
    carry, total = -1, []
    for x, y in zip(a, b, strict=True):
        above = builder.gate([(x, 1), (y, 1), (carry, 1)], 2)
        total.append(builder.gate([(x, 1), (y, 1), (carry, 1), (above, -2)], 1))
        carry = above
    return builder.finish([("sum", [*total, carry], None)], max_delay)


def heavy_gate() -> ThresholdNetwork:
    """Weighted sums at the edges of LIF's exact range: -4064..4064 in doubled weights."""
    builder = Builder()
    signals = builder.input("a", width=32)
    terms = [(signal, 127 if i % 2 else -127) for i, signal in enumerate(signals)]
    above = builder.gate(terms, 16)
    below = builder.gate([(s, -w) for s, w in terms], 15)
    return builder.finish([("out", [above, below, builder.gate([(above, -1), (below, -1)], 0)], None)])


@pytest.mark.parametrize("level", ["vectorised", "lif"])
@pytest.mark.parametrize(
    ("network", "lanes", "sets"),
    [
        (ripple_carry_adder(8, max_delay=62), 1, 60),
        (ripple_carry_adder(8, max_delay=2), 3, 100),
        (heavy_gate(), 16, 1000),
        (random_network(5), 4, 30),
    ],
    ids=["adder", "adder with relays", "heavy", "random"],
)
def test_every_spike(network, lanes, sets, level):
    operands = random_operands(network, sets)
    want = evaluate(network, input_spikes(network, operands))
    assert want.any(axis=0).sum() > network.n_signals / 2
    assert np.array_equal(spike_trains(as_circuit(network), operands, level, lanes), want)


@pytest.mark.parametrize("level", ["vectorised", "lif"])
def test_networks_in_a_row(level):
    """s_out of one is a_in of the next: the strobe goes through both with the wave."""
    first, second = random_network(1, width=4), random_network(2, width=3)
    encoder, one, two = Encoder(first.inputs, 20, (3,)), Network(first, (3,)), Network(second, (3,))
    decoder = Decoder(second.outputs, 20, (3,))
    encoder.s_out.connect(one.a_in)
    one.s_out.connect(two.a_in)
    two.s_out.connect(decoder.a_in)

    operands = random_operands(first, 20)
    between = output_patterns(first, evaluate(first, input_spikes(first, operands)))
    halves = [between >> 3, between & 7]
    want = output_patterns(second, evaluate(second, input_spikes(second, halves)))
    waves = 7
    with Session(one, level) as session:
        encoder.load(*operands)
        session.run(waves + latency(first, level) + latency(second, level))
        assert decoder.last_step == session.steps
        assert np.array_equal(decoder.take()[0], want)
        assert np.array_equal(one.spike_counts, evaluate(first, input_spikes(first, operands)).sum(axis=0))


@pytest.mark.parametrize("max_delay", [0, 1, 4, 62])
def test_the_strobe_is_carried_by_a_sound_network(max_delay):
    network = ripple_carry_adder(6, max_delay)
    wired = carry_strobe(network)
    assert violations(wired) == []
    assert wired.depth == network.depth
    assert wired.neurons - network.neurons == -(-network.depth // (max_delay + 1))
    inputs = input_spikes(network, random_operands(network, 50))
    inputs[::3, 0] = False
    assert np.array_equal(evaluate(wired, inputs)[:, wired.outputs[0].signals[0]], inputs[:, 0])
    assert np.array_equal(evaluate(wired, inputs)[:, : network.n_signals], evaluate(network, inputs))


def test_encoder_to_decoder_is_the_identity():
    port = Builder()
    port.input("x", FLOAT16)
    operand = port.finish([("x", [1], None)]).inputs
    encoder, decoder = Encoder(operand, 1 << 16, (1 << 11,)), Decoder(operand, 1 << 16, (1 << 11,))
    encoder.s_out.connect(decoder.a_in)
    patterns = np.arange(1 << 16, dtype=np.uint16)
    with Session(encoder) as session:
        encoder.load(patterns)
        session.run(1 << 5)
        assert np.array_equal(decoder.take()[0], patterns)
        encoder.load_values([0.5, -2.0, 65504.0])
        session.run(1)
        assert decoder.take_values()[0].tolist() == [0.5, -2.0, 65504.0]
        assert decoder.take()[0].size == 0


def test_user_mistakes():
    network = ripple_carry_adder(4, 62)
    encoder = Encoder(network.inputs, 5)
    ones = np.ones(3, np.uint8)
    with pytest.raises(NexusError, match="2 operands was given 1 arrays"):
        encoder.load(ones)
    with pytest.raises(NexusError, match=r"operand b has shape \(2,\), not \(3,\)"):
        encoder.load(ones, ones[:2])
    with pytest.raises(NexusError, match="operand a of dtype float64 holds no bit patterns"):
        encoder.load(ones / 2, ones)
    with pytest.raises(NexusError, match="operand a holds 16, more than its 4 bits"):
        encoder.load(16 * ones, ones)
    with pytest.raises(NexusError, match="6 operand sets, more than its capacity of 5"):
        encoder.load(np.ones(6, np.uint8), np.ones(6, np.uint8))
    with pytest.raises(NexusError, match=r"network has shape \(0,\)"):
        Network(network, (0,))
    builder = Builder()
    with pytest.raises(NexusError, match="port wide has 65 bits, more than the 64"):
        Encoder(builder.finish([("wide", builder.input("a", width=65), None)]).outputs, 1)


def test_lif_rejects_what_would_leave_a_residue():
    """Each sum is within the rules, but inhibition and threshold add up: 2 * (-1905) + 2 - 2 * 200 = -4208."""
    builder = Builder()
    signals = builder.input("a", width=30)
    terms = [(s, 127 if i >= 15 else -127) for i, s in enumerate(signals)]
    network = builder.finish([("out", [builder.gate([*terms, (signals[0], 1)], 200)], None)])
    with pytest.raises(NexusError, match=r"neuron 0: LIF potential -4\d+ is below -4095"):
        check_lif(network)


def test_results_beyond_the_decoders_capacity():
    network = ripple_carry_adder(4, 62)
    encoder, process, decoder = Encoder(network.inputs, 9), Network(network), Decoder(network.outputs, 4)
    encoder.s_out.connect(process.a_in)
    process.s_out.connect(decoder.a_in)
    encoder.load(*random_operands(network, 9))
    with (
        pytest.raises(NexusError, match="decoder received 5 results, more than its capacity of 4"),
        Session(process) as session,
    ):
        session.run(20)
