"""Products of two activations in neurons: bits against exact rationals, two executors against each other, bounds."""

from fractions import Fraction

import numpy as np
import pytest

from lava_nexus.circuits.accumulator import accumulator
from lava_nexus.errors import NexusError
from lava_nexus.execute.native.costs import pair_costs, total
from lava_nexus.execute.native.pairs import pair_sums
from lava_nexus.execute.run import executor
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, FLOAT32, FLOAT64
from lava_nexus.populations.native.limbs import digits
from lava_nexus.populations.native.pair_core import PairCore
from lava_nexus.populations.native.pairs import Pairs
from lava_nexus.populations.stateful import ranges
from lava_nexus.programs.native import PairLayer
from tests.execute.test_native import FIVE, any_bits, fractions_of, normal, rounded


def layer(fmt, inputs, outputs, fresh="all", other=None, **how):
    return PairLayer(Pairs(fmt, other or fmt, fmt, inputs, outputs, "scores", **how), fresh)


def agree(made, left, right):
    """The sums by digits equal the sums by steps and the reference, and cost the same; they are returned."""
    fast, steps = executor("bitsliced", count="activity"), executor("membrane")
    found = pair_sums(made, left, right, fast)
    assert np.array_equal(found, pair_sums(made, left, right, executor("reference")))
    assert np.array_equal(found, pair_sums(made, left, right, steps))
    for one, other in zip(fast.tallies, steps.tallies, strict=True):
        assert one.circuit.digest == other.circuit.digest
        assert np.array_equal(one.signal_spikes, other.signal_spikes), one.circuit.label
        assert (one.invocations, one.active) == (other.invocations, other.active), one.circuit.label
    return found


def against_rationals(made, left, right):
    """How many sums were compared with exact rationals, rounded once."""
    pairs = made.pairs
    found = pair_sums(made, left, right, executor("bitsliced", count=False))
    for b in range(len(left)):
        x, y = fractions_of(left[b], pairs.left), fractions_of(right[b], pairs.right)
        for r, row in enumerate(x):
            for j, column in enumerate(y):
                want = rounded(sum((p * q for p, q in zip(row, column, strict=True)), Fraction(0)), pairs.result)
                got = int(found[b, r, j])
                assert got == want or {got, want} <= {0, pairs.result.sign_mask}, (b, r, j, hex(got), hex(want))
    return found.size


@pytest.mark.parametrize(
    ("fmt", "fresh"), zip((*FIVE, FLOAT32), ("all", "row", "term", "row", "all", "term"), strict=True), ids=str
)
def test_all_executors_agree_on_bits_spikes_and_updates(fmt, fresh):
    rng = np.random.default_rng(1)
    x, y = any_bits(fmt, rng, 8, 2, 5), any_bits(fmt, rng, 8, 3, 5)
    x[:2], y[:2] = normal(fmt, rng, 2, 2, 5), normal(fmt, rng, 2, 3, 5)
    agree(layer(fmt, 5, 3, fresh), x, y)


@pytest.mark.parametrize("fmt", FIVE, ids=str)
def test_zeros_of_both_signs_infinities_and_nan(fmt):
    rng = np.random.default_rng(2)
    x, y = any_bits(fmt, rng, 9, 1, 4, finite=True), any_bits(fmt, rng, 9, 3, 4, finite=True)
    minus = fmt.pattern_dtype.type(fmt.sign_mask)
    x[0], x[1], y[2], y[3] = 0, minus, 0, minus
    x[2:4] &= ~minus
    y[1] &= ~minus
    infinity = fmt.exponent_mask if fmt.inf else fmt.canonical_nan
    x[4, :, 1], y[4, :, 2] = infinity, 0
    x[5, :, 1], y[5, :, 1] = infinity, minus
    y[6, :, 3] = infinity | minus
    x[6, :, 3] = 1
    x[7, :, :2], y[7, :, 1] = infinity, 1
    y[7, :, 0] = minus | 1
    x[8, :, 2] = fmt.canonical_nan
    found = agree(layer(fmt, 4, 3), x, y)
    assert (found[1] == minus).all() and (found[3] == minus).all() and not found[2].any()  # -0 * +, + * -0, + * +0
    assert fmt.is_nan(found[5]).all() and fmt.is_nan(found[8]).all()
    assert fmt.is_nan(found[7]).all()  # infinities of both signs, or the only NaN of the format
    if fmt.inf:
        assert (found[6] & ~minus == fmt.exponent_mask).all()


@pytest.mark.parametrize("fmt", FIVE, ids=str)
def test_the_bits_are_those_of_the_order_exact(fmt):
    """Against the reference of the gates' register, an implementation of its own."""
    rng = np.random.default_rng(3)
    x, y = any_bits(fmt, rng, 400, 1, 6), any_bits(fmt, rng, 400, 2, 6)
    x[::3], y[::3] = normal(fmt, rng, 134, 1, 6), normal(fmt, rng, 134, 2, 6)
    circuits = accumulator(fmt, "products")
    state = [np.zeros((400, 2), np.uint64) for _ in range(circuits.register.pieces)]
    for k in range(0, 6, 2):
        operands = [z for i in (k, k + 1) for z in (np.broadcast_to(x[..., i], (400, 2)), y[..., i])]
        state = list(circuits.step.golden.every_output(*state, *operands))
    want = circuits.finish.golden(*state)
    assert np.array_equal(pair_sums(layer(fmt, 6, 2), x, y, executor("bitsliced"))[:, 0], want)


@pytest.mark.parametrize("fmt", FIVE, ids=str)
def test_cancellation_and_random_patterns_equal_exact_rationals(fmt):
    rng = np.random.default_rng(4)
    x, y = any_bits(fmt, rng, 60, 2, 12, finite=True), any_bits(fmt, rng, 60, 3, 12, finite=True)
    x[..., 6:], y[..., 6:] = x[..., :6], y[..., :6] ^ fmt.pattern_dtype.type(fmt.sign_mask)
    assert not (pair_sums(layer(fmt, 12, 3), x, y, executor("bitsliced")) & ~np.uint64(fmt.sign_mask)).any()
    x[..., 6:] ^= ((rng.random((60, 2, 6)) < 0.2) & ~fmt.is_nan(x[..., 6:] ^ 1)).astype(fmt.pattern_dtype)
    assert against_rationals(layer(fmt, 12, 3), x, y) == 360


@pytest.mark.slow
@pytest.mark.parametrize("fmt", FIVE, ids=str)
def test_a_million_random_pairs_equal_exact_rationals(fmt):
    """In five formats together."""
    rng = np.random.default_rng(5)
    x, y = any_bits(fmt, rng, 5_000, 2, 4, finite=True), any_bits(fmt, rng, 5_000, 5, 4, finite=True)
    assert against_rationals(layer(fmt, 4, 5), x, y) * 4 * len(FIVE) == 1_000_000


@pytest.mark.parametrize("fmt", (FLOAT8_E4M3FN, FLOAT8_E5M2), ids=str)
def test_all_pairs_of_eight_bits(fmt):
    every = np.arange(256, dtype=np.uint8)
    found = pair_sums(layer(fmt, 1, 256), every[None, :, None], every[None, :, None], executor("bitsliced"))
    with np.errstate(all="ignore"):
        values = fmt.from_patterns(every).astype(np.float32)
        want = fmt.canonical(fmt.to_patterns((values[:, None] * values).astype(fmt.dtype)))
    assert np.array_equal(found[0], want)


@pytest.mark.wide
def test_formats_may_differ_and_terms_share_few_accumulators():
    rng = np.random.default_rng(6)
    for left, right in ((FLOAT64, FLOAT8_E4M3FN), (FLOAT8_E5M2, FLOAT32), (FLOAT64, FLOAT64)):
        made = layer(left, 3, 2, other=right)
        x, y = any_bits(left, rng, 8, 1, 3, finite=True), any_bits(right, rng, 8, 2, 3, finite=True)
        assert against_rationals(made, x, y) == 16
    agree(layer(BFLOAT16, 2, 1, other=FLOAT16), any_bits(BFLOAT16, rng, 3, 1, 2), any_bits(FLOAT16, rng, 3, 1, 2))
    made = layer(FLOAT16, 150, 1, "term")
    assert [group.stop - group.start for group in made.pairs.groups] == [75, 75]
    agree(made, normal(FLOAT16, rng, 2, 2, 150), normal(FLOAT16, rng, 2, 1, 150))


@pytest.mark.parametrize("fmt", (*FIVE, FLOAT64), ids=str)
def test_no_operand_overflows_and_counts_are_those_of_the_synapses(fmt):
    core = PairCore(Pairs(fmt, fmt, fmt, 73, 1))
    network = core.populations  # its states are bounded by interval arithmetic, or it is refused
    assert (core.neurons, core.n_inputs, core.synapses) == (network.neurons, network.n_inputs, network.synapses)
    assert np.array_equal(core.fan_out, network.fan_out) and core.window == network.window
    sends = ranges(next(p.neuron for p in core.layers if p.name == "product"), (-2000, 2000))["out"]
    most = max(group.stop - group.start for group in core.pairs.groups)
    assert most <= 127 and most * max(sends) + (1 << 16) <= 1 << 23
    with pytest.raises(NexusError, match="layer 'scores': one product of .* can bring .*, so that an accumulator of"):
        layer(fmt, 3, 2, potential=1 << 16)


def test_the_largest_digits_and_limbs_stay_within_the_bound():
    """Digits of 128 meet limbs of 255 in as many products as an accumulator takes; every step is checked."""
    pairs = Pairs(FLOAT32, FLOAT32, FLOAT32, 72, 1)
    assert pairs.together == 72 and len(pairs.groups) == 1
    x = np.full((1, 1, 72), 128 << 23 | 0x008080, np.uint32)  # place 0 mod 8, bytes 80 80 80
    y = np.full((1, 1, 72), (128 + 7 - pairs.shift) << 23 | 0x7FFFFF, np.uint32)  # 7 mod 8 with the shift
    made = PairLayer(pairs)
    agree(made, x, y)
    sent, limbs = digits(np.array([0x808080]), np.array([128]), 4)[:, 0], [0x80, 0xFF, 0xFF, 0x7F]
    assert sent.tolist() == [128, 128, 128, 0]
    assert 0.7 * (1 << 23) < 72 * max(np.convolve(sent, limbs)) < (1 << 23) - (1 << 16)


def test_costs_of_the_parts_add_up_to_those_of_the_run():
    rng = np.random.default_rng(8)
    made, run = layer(BFLOAT16, 5, 4, "row"), executor("bitsliced", count="activity")
    x, y = any_bits(BFLOAT16, rng, 3, 2, 5), any_bits(BFLOAT16, rng, 3, 4, 5)
    costs = pair_costs(made, x, y, run)
    assert not list(run.tallies)
    pair_sums(made, x, y, run)
    whole, tallies = total(costs), list(run.tallies)
    assert whole.synops == sum(tally.synops for tally in tallies)
    assert whole.updates == sum(tally.updates for tally in tallies)
    assert whole.active == sum(tally.active for tally in tallies)
    assert pair_sums(made, x[:0], y[:0], run).shape == (0, 2, 4)
