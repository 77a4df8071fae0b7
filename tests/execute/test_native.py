"""Linear layers in synapses: bits against exact rationals, two executors against each other, bounds, bad weights."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.circuits.native import NativeLayer, back_end, front_end
from lava_nexus.errors import NexusError
from lava_nexus.execute.native import digits, patterns
from lava_nexus.execute.native.costs import layer_costs, limb_synops, total
from lava_nexus.execute.native.layer import native_sums
from lava_nexus.execute.populations import PopulationStepper, run_populations
from lava_nexus.execute.run import executor
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, FLOAT32, FLOAT64
from lava_nexus.populations.native.limbs import Limbs
from lava_nexus.populations.native.neurons import Window
from lava_nexus.populations.network import Population, PopulationNetwork, check_populations

FIVE = (FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, BFLOAT16, FLOAT32)


def layer(weights, fmt, activation=None, result=None, **limits):
    activation = activation or fmt
    return NativeLayer(Limbs(fmt, activation, result or activation, weights, "up", **limits))


def normal(fmt, rng, *shape, scale=1.0):
    return fmt.to_patterns((scale * rng.standard_normal(shape)).astype(fmt.dtype))


def any_bits(fmt, rng, *shape, finite=False):
    words = rng.integers(0, 1 << fmt.bits, shape, dtype=np.uint64).astype(fmt.pattern_dtype)
    if finite:
        bad = fmt.is_nan(words) | (fmt.inf & ((words & fmt.exponent_mask) == fmt.exponent_mask))
        words[bad] = 1
    return words


def agree(made, rows):
    """The sums by digits equal the sums by steps and the reference, and cost the same; they are returned."""
    fast, steps = executor("bitsliced", count="activity"), executor("membrane")
    found = native_sums(made, rows, fast)
    assert np.array_equal(found, native_sums(made, rows, executor("reference")))
    assert np.array_equal(found, native_sums(made, rows, steps))
    assert len(list(fast.tallies)) == 4
    for one, other in zip(fast.tallies, steps.tallies, strict=True):
        assert one.circuit is other.circuit
        assert np.array_equal(one.signal_spikes, other.signal_spikes), one.circuit.label
        assert (one.invocations, one.active) == (other.invocations, other.active), one.circuit.label
    return found


def sizes(limbs):
    """Limbs of each weight added up, without their signs."""
    return sum(np.abs(limbs.at(a).astype(np.int64)) for a in range(limbs.span))


def rounded(value, fmt):
    """A rational as a pattern, ties to even; overflow to infinity, or NaN where there is none."""
    if value == 0:
        return 0
    sign, size = value < 0, abs(value)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= Fraction(2) ** exponent > size
    exponent = max(exponent, 1 - fmt.bias)
    places = size / Fraction(2) ** (exponent - fmt.fraction_bits)
    whole = round(places)
    word = whole + ((exponent + fmt.bias - 1) << fmt.fraction_bits)
    if word > fmt.max_finite:
        return fmt.exponent_mask | sign << (fmt.bits - 1) if fmt.inf else fmt.canonical_nan
    return word | sign << (fmt.bits - 1)


def fractions_of(words, fmt):
    return [[Fraction(float(v)) for v in row] for row in fmt.from_patterns(words).astype(np.float64)]


def against_rationals(made, rows):
    """How many sums were compared: those of finite operands, whose rounded result is not 0."""
    limbs = made.limbs
    found = native_sums(made, rows, executor("bitsliced"))
    x, w = fractions_of(rows, limbs.activation), fractions_of(limbs.patterns, limbs.format)
    for r, row in enumerate(x):
        for j, column in enumerate(w):
            want = rounded(sum((a * b for a, b in zip(row, column, strict=True)), Fraction(0)), limbs.result)
            got = int(found[r, j])
            assert got == want or {got, want} <= {0, limbs.result.sign_mask}, (r, j, hex(got), hex(want))
    return found.size


@pytest.mark.parametrize("fmt", FIVE, ids=str)
def test_all_executors_agree_on_bits_spikes_and_updates(fmt):
    rng = np.random.default_rng(1)
    agree(layer(normal(fmt, rng, 5, 33, scale=0.2), fmt), normal(fmt, rng, 7, 33))
    agree(layer(any_bits(fmt, rng, 4, 9, finite=True), fmt), any_bits(fmt, rng, 24, 9))


WAYS = {
    "float8": (FLOAT8_E4M3FN, FLOAT8_E4M3FN),
    "bfloat16": (BFLOAT16, BFLOAT16),
    "float32": (FLOAT32, FLOAT32),
    "wide activations": (BFLOAT16, FLOAT32),
    "wide weights": (FLOAT32, FLOAT16),
}


@pytest.mark.parametrize(("weight", "activation"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("limit", [1 << 23, 1 << 19])
def test_products_of_patterns_arrive_where_those_of_matrices_do(weight, activation, limit, monkeypatch):
    monkeypatch.setattr(patterns, "_WORTH", 0)
    rng = np.random.default_rng(12)
    weights, rows = normal(weight, rng, 21, 50), normal(activation, rng, 11, 50)
    weights[3, ::2], weights[:, 7] = 0, weight.sign_mask
    rows[2, 1:], rows[4] = 0, 0
    rows[5, 3], rows[6, 4] = activation.exponent_mask, activation.canonical_nan
    ways = []
    for worth in (True, False):
        monkeypatch.setattr(digits, "worth_making", lambda core, rows, worth=worth: worth)
        made = layer(weights, weight, activation, potential=limit)
        run = executor("bitsliced", threads=2, count="activity")
        ways.append((native_sums(made, rows, run), list(run.tallies)))
    (one, counts), (other, others) = ways
    assert np.array_equal(one, other)
    for some, same in zip(counts, others, strict=True):
        assert np.array_equal(some.signal_spikes, same.signal_spikes)
        assert some.active == same.active


def test_matrices_are_made_for_many_rows_alone(monkeypatch):
    rng = np.random.default_rng(13)
    made, run, taken = layer(normal(BFLOAT16, rng, 3, 8), BFLOAT16), executor("bitsliced"), []
    real = digits.add_products
    monkeypatch.setattr(digits, "add_products", lambda core, sent, *rest: taken.append(sent) or real(core, sent, *rest))
    for count, times in ((1, 40), (8, 3)):
        for _ in range(times):
            native_sums(made, normal(BFLOAT16, rng, count, 8), run)
            assert not taken
    native_sums(made, normal(BFLOAT16, rng, 8, 8), run)
    assert len(taken) == 1


@pytest.mark.parametrize("fmt", FIVE, ids=str)
def test_zeros_of_both_signs_infinities_and_nan(fmt):
    rng = np.random.default_rng(2)
    w, x = normal(fmt, rng, 6, 12), normal(fmt, rng, 9, 12)
    minus = fmt.pattern_dtype.type(fmt.sign_mask)
    w[0, :5], w[1, 3], w[2], w[3], w[4] = 0, minus, 0, minus, w[4] | minus
    x[1], x[2], x[3, 5], x[4, 6], x[5, 1:3], x[6] = 0, minus, fmt.exponent_mask, fmt.canonical_nan, fmt.exponent_mask, 1
    x[5, 2] |= minus
    x[7, 1], x[8] = fmt.exponent_mask, np.abs(x[8].view(np.int8) if fmt.bits == 8 else 0)
    found = agree(layer(w, fmt), x)
    assert found[1, 4] == minus and found[2, 4] == 0  # +0 times negative weights, -0 times them
    assert fmt.is_nan(found[4]).all()


@pytest.mark.parametrize("fmt", FIVE, ids=str)
def test_layers_of_zeros_of_the_least_and_of_the_largest_numbers(fmt):
    rng = np.random.default_rng(11)
    rows = any_bits(fmt, rng, 8, 3)
    rows[0] = 0
    for weight in (0, fmt.sign_mask, 1, fmt.max_finite):
        made = layer(np.full((2, 3), weight, fmt.pattern_dtype), fmt)
        agree(made, rows)
        assert native_sums(made, rows[:0], executor("bitsliced")).shape == (0, 2)


@pytest.mark.parametrize("fmt", FIVE, ids=str)
def test_cancellation_leaves_the_right_bits(fmt):
    rng = np.random.default_rng(3)
    w, x = any_bits(fmt, rng, 4, 12, finite=True), any_bits(fmt, rng, 40, 12, finite=True)
    w[:, 6:], x[:, 6:] = w[:, :6] ^ fmt.pattern_dtype.type(fmt.sign_mask), x[:, :6]
    made = layer(w, fmt)
    assert not agree(made, x).any()  # all of it cancels: +0
    x[:, 6:] ^= (rng.random((40, 6)) < 0.2).astype(fmt.pattern_dtype)  # all but a last place here and there
    agree(made, x)
    assert against_rationals(made, x) == 160


@pytest.mark.parametrize("fmt", (FLOAT8_E4M3FN, FLOAT8_E5M2), ids=str)
def test_all_pairs_of_eight_bits(fmt):
    weights = np.arange(256, dtype=np.uint8)
    finite = weights[~fmt.is_nan(weights) & ~((weights & 127 == fmt.exponent_mask) & fmt.inf)]
    made = layer(finite[:, None], fmt)
    x = np.arange(256, dtype=np.uint8)[:, None]
    with np.errstate(all="ignore"):
        products = fmt.from_patterns(x).astype(np.float32) * fmt.from_patterns(finite[None]).astype(np.float32)
    want = fmt.canonical(fmt.to_patterns(products.astype(fmt.dtype)))
    assert np.array_equal(native_sums(made, x, executor("bitsliced")), want)
    part = layer(finite[::16, None], fmt)
    assert np.array_equal(agree(part, x), want[:, ::16])


def test_sums_of_two_products_over_a_grid_of_quadruples():
    fmt = FLOAT8_E4M3FN
    some = np.array([p for p in range(0, 256, 5) if p & 127 != 127] + [1, 8, 126, 129], np.uint8)
    pairs = np.stack(np.meshgrid(some, some), axis=-1).reshape(-1, 2)
    found = native_sums(layer(pairs, fmt), pairs, executor("bitsliced", count=False))
    values = fmt.from_patterns(pairs).astype(np.float64)
    exact = values @ values.T  # of 8 bits: exact in double precision
    want = circuit("convert", FLOAT64, to=fmt).golden(FLOAT64.to_patterns(exact))
    zero = exact == 0
    assert np.array_equal(found[~zero], want[~zero])
    signs = np.signbit(values)
    minus = (signs[:, None] != signs[None]).all(axis=-1) & (values[:, None] * values[None] == 0).all(axis=-1)
    assert np.array_equal(found[zero] == fmt.sign_mask, minus[zero])
    assert found.size > 9_000_000


@pytest.mark.parametrize("fmt", FIVE, ids=str)
def test_random_patterns_equal_exact_rationals(fmt):
    rng = np.random.default_rng(4)
    assert against_rationals(
        layer(any_bits(fmt, rng, 20, 6, finite=True), fmt), any_bits(fmt, rng, 100, 6, finite=True)
    )
    tiny = any_bits(fmt, rng, 50, 6, finite=True) & fmt.pattern_dtype.type(fmt.sign_mask | fmt.fraction_mask)
    big = any_bits(fmt, rng, 20, 6, finite=True)
    assert against_rationals(layer(big, fmt), tiny) == 1000


@pytest.mark.slow
@pytest.mark.parametrize("fmt", FIVE, ids=str)
def test_many_random_patterns_equal_exact_rationals(fmt):
    rng = np.random.default_rng(5)
    for _ in range(10):
        made = layer(any_bits(fmt, rng, 100, 4, finite=True), fmt)
        assert against_rationals(made, any_bits(fmt, rng, 100, 4, finite=True)) == 10_000


@pytest.mark.parametrize(
    ("weight", "activation", "result"),
    [
        (FLOAT8_E4M3FN, BFLOAT16, BFLOAT16),
        (FLOAT8_E5M2, FLOAT16, FLOAT32),
        (BFLOAT16, FLOAT32, FLOAT32),
        (FLOAT32, FLOAT8_E4M3FN, BFLOAT16),
        (FLOAT16, BFLOAT16, FLOAT8_E5M2),
    ],
    ids=str,
)
def test_formats_may_differ(weight, activation, result):
    rng = np.random.default_rng(6)
    made = layer(normal(weight, rng, 4, 20), weight, activation, result)
    agree(made, normal(activation, rng, 6, 20))
    against_rationals(made, any_bits(activation, rng, 10, 20, finite=True))


def test_doubles_work_where_delays_reach():
    rng = np.random.default_rng(7)
    made = layer(normal(FLOAT64, rng, 2, 5), FLOAT64)
    rows = normal(FLOAT64, rng, 2, 5)
    agree(made, rows)
    against_rationals(made, rows)
    wide = FLOAT64.to_patterns(np.array([[1e-300, 1e300]]))
    with pytest.raises(NexusError, match="layer 'up': limbs of its weights lie 2.. bytes apart, beyond .* delay of 62"):
        layer(wide, FLOAT64)


@pytest.mark.parametrize("fmt", FIVE, ids=str)
def test_worst_operands_reach_the_bound_of_a_group_and_no_more(fmt):
    limit, ones = 1 << 18, fmt.pattern_dtype.type(fmt.max_finite)
    size = int(sizes(layer(np.full((1, 1), ones), fmt).limbs)[0, 0])
    made = layer(np.full((2, 3 * ((limit >> 7) - 512) // size), ones), fmt, potential=limit)
    limbs, network = made.limbs, made.network.populations
    assert len(limbs.groups) in (3, 4)
    number = {p.name: i for i, p in enumerate(network.populations)}
    sums = [i for name, i in number.items() if name.startswith("accumulator")]
    # The encoders' places are taken by inputs that send a digit of 128 in every step: no activation is worse.
    place = {number["encoder"]: 1} | {old: 2 + i for i, old in enumerate(sums)}
    populations = [Population("strobe", 1, "bit"), Population("encoder", limbs.inputs, "signed", most=128)]
    populations += [network.populations[i] for i in sums]
    projections = [
        replace(p, source=1, target=place[p.target]) for p in network.projections if p.source == number["encoder"]
    ]
    bare = PopulationNetwork(tuple(populations), 2, tuple(projections), (), 9)
    check_populations(bare)
    stepper = PopulationStepper(bare, 2)
    load = np.full((2, 1 + limbs.inputs), 128) * np.array([[1], [-1]])
    for _ in range(limbs.span + 4):
        stepper.step(load)
    for g, group in enumerate(limbs.groups):
        most = 128 * int(sizes(limbs)[:, group].sum(axis=1).max())
        assert most + (1 << 16) <= limit
        carry = stepper._states[2 + g]["carry"]
        assert (np.abs(256 * np.abs(carry) - most * 256 / 255) < 512).all() and (np.sign(carry) == [1, -1]).all()


@pytest.mark.parametrize("fmt", (*FIVE, FLOAT64), ids=str)
def test_counts_of_a_layer_are_those_of_its_synapses(fmt):
    rng = np.random.default_rng(8)
    weights = normal(fmt, rng, 6, 70)
    weights[0, 3] = 0
    made = layer(weights, fmt, potential=1 << 20)
    core, network = made.network, made.network.populations
    assert (core.neurons, core.synapses, core.n_inputs) == (network.neurons, network.synapses, network.n_inputs)
    assert (core.window, core.depth) == (network.window, network.depth)
    assert np.array_equal(core.fan_out, network.fan_out)
    assert all(0 <= p.delay <= 62 for p in network.projections)
    assert all((p.weights > 0).all() or (p.weights < 0).all() for p in network.projections if p.source != 1)
    assert all(np.abs(p.weights).max() <= 255 for p in network.projections)


@pytest.mark.parametrize("fmt", (*FIVE, FLOAT64), ids=str)
def test_gates_of_both_ends_equal_their_references(fmt):
    rng = np.random.default_rng(9)
    run = executor("bitsliced")
    front, back, window = front_end(fmt), back_end(fmt), Window(fmt)
    x = any_bits(fmt, rng, 4096)
    x[:6] = [0, fmt.sign_mask, fmt.exponent_mask, fmt.exponent_mask | fmt.sign_mask, fmt.canonical_nan, fmt.max_finite]
    for found, want in zip(run.invoke_all(front, [x]), front.golden.every_output(x), strict=True):
        assert np.array_equal(found, want)
    bits = window.bits + 1
    word = rng.integers(0, 1 << bits, 4096, dtype=np.uint64) >> rng.integers(0, bits, 4096).astype(np.uint64)
    word[::2] &= ~np.uint64(255)
    place = np.where(word >> np.uint64(bits - 8) == 0, 0, rng.integers(0, window.cap + 1, 4096))
    given = [word, place, rng.integers(0, 2, 4096), rng.choice([0, 0, 0, 2, 3, 4], 4096)]
    operands = [a.astype(port.pattern_dtype) for a, port in zip(given, back.inputs, strict=True)]
    assert np.array_equal(run.invoke(back, operands), back.golden(*operands))


@pytest.mark.parametrize("fmt", (FLOAT8_E4M3FN, FLOAT32), ids=str)
def test_costs_of_the_parts_add_up_to_those_of_the_run(fmt):
    rng = np.random.default_rng(10)
    weights, rows = normal(fmt, rng, 6, 20), normal(fmt, rng, 9, 20)
    weights[0, 3], rows[1, 2], rows[2] = 0, 0, fmt.canonical_nan
    made, run = layer(weights, fmt), executor("bitsliced", count="activity")
    costs = layer_costs(made, rows, run)
    assert not list(run.tallies)
    native_sums(made, rows, run)
    whole, tallies = total(costs), list(run.tallies)
    assert whole.synops == sum(tally.synops for tally in tallies)
    assert whole.updates == sum(tally.updates for tally in tallies)
    assert whole.active == sum(tally.active for tally in tallies)
    assert limb_synops(made, costs, 9) < 16


def test_bad_layers_are_refused_in_a_sentence():
    weights = FLOAT32.to_patterns(np.array([[1.0, np.inf]], np.float32))
    with pytest.raises(NexusError, match=r"layer 'up': weight \[0, 1\] is inf; native products take finite weights"):
        layer(weights, FLOAT32)
    one = FLOAT32.to_patterns(np.array([[1.1, 1.3]], np.float32))
    with pytest.raises(NexusError, match="layer 'up': limbs of one input add up to .*, beyond 7, .* of 66536"):
        layer(one, FLOAT32, potential=66536)
    with pytest.raises(NexusError, match="layer 'up': limbs of its weights lie 3 bytes apart, beyond .* delay of 2"):
        layer(one, FLOAT32, most_delay=2)
    rows = FLOAT32.to_patterns(np.ones((1, 2), np.float32))
    with pytest.raises(NexusError, match="executor 'membrane' would disturb"):
        native_sums(layer(one, FLOAT32), rows, executor("membrane", noise=0.1))


def test_a_wave_of_bit_neurons_gives_the_bits():
    made = layer(FLOAT32.to_patterns(np.ones((1, 1), np.float32)), FLOAT32)
    network = made.bits.network
    given = {p.name: np.zeros((1, 1), np.int64) for p in network.inputs[1:]} | {"minus.0": np.array([[5]])}
    out = run_populations(network, given).outputs
    assert [int(out[f"piece.0.{i}"][0, 0]) for i in range(3)] == [1, 0, 1]
    assert out["sign"][0, 0] == 1
