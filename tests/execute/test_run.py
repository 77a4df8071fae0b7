"""`nexus.run`: the calls that other people's scripts rely on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.execute import cpu
from lava_nexus.execute.executor import LEVELS
from lava_nexus.execute.run import EXECUTORS, executor, executor_named, executors, run
from lava_nexus.programs import Program

FAST = ["bitsliced", "membrane", "reference"]


def test_the_example_of_the_readme() -> None:
    x = np.array([[0.1, 1e-45, -0.0], [3e38, np.inf, np.nan]], np.float32)
    y = np.array([[0.2, 1e-45, 0.0], [3e38, -np.inf, 1]], np.float32)
    adder = nexus.circuit("add", nexus.FLOAT32)
    result = nexus.run(adder, x, y)
    with np.errstate(all="ignore"):
        expected = x + y
    assert result.value.shape == x.shape and result.value.dtype == np.float32
    nan = np.isnan(expected)
    np.testing.assert_array_equal(result.value.view(np.uint32)[~nan], expected.view(np.uint32)[~nan])
    assert (result.value.view(np.uint32)[nan] == 0x7FC00000).all()
    assert result.spikes is not None and result.synops is not None and result.synops > result.spikes > 0
    assert adder.neurons > 0 and adder.synapses > adder.neurons and adder.depth > 1


@pytest.mark.parametrize("executor", FAST)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0), (2, 3, 4)])
def test_shapes_are_kept(executor: str, shape: tuple[int, ...]) -> None:
    x = np.full(shape, 1.5, np.float32)
    result = nexus.run(nexus.circuit("mul", nexus.FLOAT32), x, x, executor=executor)
    assert result.value.shape == shape
    np.testing.assert_array_equal(result.value, x * x)


@pytest.mark.parametrize("executor", FAST)
def test_operands_broadcast(executor: str) -> None:
    x, y = np.arange(6, dtype=np.float32).reshape(2, 3), np.float32(0.5)
    result = nexus.run(nexus.circuit("sub", nexus.FLOAT32), x, y, executor=executor)
    np.testing.assert_array_equal(result.value, x - y)


def test_executors_count_the_same() -> None:
    x = np.random.default_rng(0).standard_normal(300).astype(np.float32)
    counted = [
        nexus.run(nexus.circuit("mul", nexus.FLOAT32), x, x[::-1], executor=e) for e in ("bitsliced", "membrane")
    ]
    assert counted[0].spikes == counted[1].spikes and counted[0].synops == counted[1].synops
    first, second = (result.neuron_spikes for result in counted)
    assert first is not None and second is not None
    np.testing.assert_array_equal(first, second)
    assert first.sum() == counted[0].spikes


def test_counting_can_be_turned_off() -> None:
    x = np.ones(10, np.float32)
    result = nexus.run(nexus.circuit("add", nexus.FLOAT32), x, x, count=False)
    assert result.spikes is None and result.synops is None and result.neuron_spikes is None
    np.testing.assert_array_equal(result.value, x + x)


def test_a_predicate_answers_with_plain_bits() -> None:
    x, y = np.array([1, 2, np.nan], np.float16), np.array([2, 1, 1], np.float16)
    result = nexus.run(nexus.circuit("compare_lt", nexus.FLOAT16), x, y)
    np.testing.assert_array_equal(result.value, [1, 0, 0])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda c, x: nexus.run(c, x), "takes 2 operands, not 1"),
        (lambda c, x: nexus.run(c, x, x[:3]), "do not broadcast"),
        (lambda c, x: nexus.run(c, x, x.astype(np.float64) + 1e-12), "cannot hold exactly"),
        (lambda c, x: nexus.run(c, x, x, executor="gpu"), "executor 'gpu' does not exist; choose one of bitsliced"),
        (lambda c, x: nexus.run(c, x, x, colour="red"), "executor 'bitsliced' does not take these options"),
        (lambda c, x: nexus.circuit("add", "float31"), "format 'float31' does not exist"),
    ],
)
def test_mistakes_are_one_sentence(call: object, sentence: str) -> None:
    adder, x = nexus.circuit("add", nexus.FLOAT32), np.ones(4, np.float32)
    with pytest.raises(nexus.NexusError, match=sentence):
        call(adder, x)  # type: ignore[operator]


def small_program() -> Program:
    program = Program("small")
    x = program.input("x", (2,), nexus.FLOAT16)
    program.outputs["y"] = program.apply(nexus.circuit("add", nexus.FLOAT16), x, x, layer="sum")
    return program


def test_a_fault_of_ours_is_not_told_as_a_mistake_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(threads: int) -> None:
        raise TypeError("unsupported operand type(s)")

    monkeypatch.setattr("lava_nexus.execute.cpu.blocks.Workers", broken)
    with pytest.raises(TypeError, match="unsupported operand"):
        executor_named("bitsliced")


def test_nor_is_one_inside_a_whole_run_on_lava(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise TypeError("unsupported operand type(s)")

    monkeypatch.setattr("lava_nexus.execute.lava.program.partition", broken)
    feeds = {"x": np.zeros((1, 2), np.uint16)}
    with pytest.raises(TypeError, match="unsupported operand"):
        run(small_program(), feeds, executor="lava", level="word")


def test_an_executor_is_used_again_and_each_result_tells_of_its_own_run() -> None:
    adder, x = nexus.circuit("add", nexus.FLOAT32), np.arange(10, dtype=np.float32)
    kept = executor("bitsliced", threads=1)
    first, second = (run(adder, part, part, executor=kept) for part in (x, x[:3]))
    assert (first.tally.invocations, second.tally.invocations) == (10, 3)
    assert second.spikes == run(adder, x[:3], x[:3]).spikes
    (tally,) = kept.tallies
    assert tally.invocations == 13 and tally.spikes == (first.spikes or 0) + (second.spikes or 0)
    ran = run(small_program(), {"x": np.zeros((4, 2), np.uint16)}, executor=kept)
    assert [t.invocations for t in ran.tallies] == [8] and [t.invocations for t in kept.tallies] == [13, 8]


def test_a_result_keeps_what_pricing_needs() -> None:
    adder, x = nexus.circuit("add", nexus.FLOAT16), np.ones(5, np.float16)
    tally = run(adder, x, x, count="activity").tally  # type: ignore[call-overload]
    assert tally.circuit is adder and tally.invocations == 5 and tally.updates == 5 * adder.neurons
    assert 0 < tally.active < tally.updates
    assert run(adder, x, x, executor="membrane", count=False).tally.signal_spikes is None


def test_noise_is_a_plain_option_of_the_membrane_executor() -> None:
    multiplier, x = nexus.circuit("mul", nexus.FLOAT8_E4M3FN), np.ones(200, nexus.FLOAT8_E4M3FN.dtype)
    noisy = executor("membrane", noise=0.3, seed=3)
    given = executor("membrane", nonidealities=nexus.NonIdealities(noise=0.3), seed=3)
    mixed = executor("membrane", nonidealities=nexus.NonIdealities(noise=0.1), noise=0.3, seed=3)
    first, *others = (run(multiplier, x, x, executor=one) for one in (noisy, given, mixed))
    for other in others:
        np.testing.assert_array_equal(first.neuron_spikes, other.neuron_spikes)
    assert first.spikes != run(multiplier, x, x, executor="membrane").spikes


def test_every_executor_is_listed_with_its_levels() -> None:
    assert list(executors()) == list(EXECUTORS)
    for name, kind in EXECUTORS.items():
        assert set(kind.levels) <= set(LEVELS.values()) and executors()[name].endswith(", ".join(kind.levels))
    assert all(executor(name).level in EXECUTORS[name].levels for name in FAST)


def test_integers_of_a_list_are_exact() -> None:
    widened = nexus.circuit("convert", nexus.UINT64, to=nexus.FLOAT64)
    big = 2**63 + 2**11
    assert run(widened, [big, 0]).value.tolist() == [float(big), 0.0]
    same = nexus.circuit("convert", nexus.UINT64, to=nexus.INT64)
    given = run(same, [2**62 + 1, 0]).value
    assert given.tolist() == [2**62 + 1, 0]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([2**64, 0], "operand a of circuit .* holds integers that no dtype"),
        ([2**63 + 1, -1], "holds integers that no dtype"),
        ([2**53 + 1, 0.5], "holds integers that no dtype"),
        (np.ma.MaskedArray([1.0, 2.0], [False, True]), "is a masked array with masked elements"),
        ([[1.0, 2.0], [3.0]], "is not an array of numbers"),
    ],
)
def test_values_that_numpy_would_change_are_refused(values: object, sentence: str) -> None:
    root = nexus.circuit("sqrt", nexus.FLOAT64)
    with pytest.raises(nexus.NexusError, match=sentence):
        run(root, values)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ([], {}, r"executor \[\] does not exist; choose one of bitsliced"),
        ("bitsliced", {"colour": "red"}, "these options: colour; it takes count, threads"),
        ("bitsliced", {"threads": 1.5}, "threads 1.5 is not a whole number"),
        ("bitsliced", {"count": []}, r"count \[\] is not one of"),
        ("reference", {"threads": 1}, "these options: threads; it takes none"),
        ("membrane", {"colour": "red"}, "these options: colour; it takes model, .*, noise, "),
        ("membrane", {"noise": "loud"}, "noise 'loud' is not a number"),
        ("membrane", {"noise": float("nan")}, "noise nan is not finite"),
        ("membrane", {"noise": -1.0}, "noise -1.0 is not a finite number of at least 0"),
        ("membrane", {"model": 0.5}, "model 0.5 is not a NeuronModel"),
        ("lava", {"lanes": 1.5}, "lanes 1.5 is not a whole number"),
        ("lava", {"lanes": 0}, "lanes 0 is below 1"),
        ("lava", {"timeout": "5"}, "timeout '5' is not a number"),
        ("lava", {"timeout": float("nan")}, "timeout nan is not finite"),
        ("lava", {"level": 3}, "Lava level 3 is not one of vectorised, lif, word"),
    ],
)
def test_options_of_a_wrong_kind_are_one_sentence(name: str, options: dict[str, object], sentence: str) -> None:
    if name == "lava":
        pytest.importorskip("lava")
    with pytest.raises(nexus.NexusError, match=sentence):
        executor_named(name, **options)


def test_options_belong_where_an_executor_is_made() -> None:
    x = np.ones(2, np.float32)
    with pytest.raises(nexus.NexusError, match="executor 'bitsliced' is made already; give its options .threads."):
        run(nexus.circuit("sqrt", nexus.FLOAT32), x, executor=cpu.BitslicedExecutor(), threads=1)


@pytest.mark.parametrize(
    ("level", "says"),
    [("word", "word logic"), ("word logic", "word logic"), ("vectorised neurons", "vectorised neurons")],
)
def test_lava_takes_the_same_words_for_circuits_and_programs(level: str, says: str) -> None:
    lava = pytest.importorskip("lava_nexus.execute.lava")
    x = np.array([[1.5, -2.0], [3.0, 0.25]], np.float16)
    with lava.LavaExecutor(level=level) as engine:
        circuit_run = run(nexus.circuit("add", nexus.FLOAT16), x, x, executor=engine)
        program_run = run(small_program(), {"x": nexus.FLOAT16.to_patterns(x)}, executor=engine)
    assert circuit_run.level == says and {at for _, at in program_run.levels} == {says}
    np.testing.assert_array_equal(circuit_run.value, x + x)
    np.testing.assert_array_equal(nexus.FLOAT16.from_patterns(program_run.outputs["y"]), x + x)
    assert circuit_run.spikes == program_run.tallies.by_digest[circuit_run.tally.circuit.digest].spikes


@pytest.mark.parametrize(
    "call",
    [
        lambda: nexus.circuit([], "float32"),  # type: ignore[arg-type]
        lambda: nexus.circuit("add", []),
        lambda: nexus.executor([]),  # type: ignore[arg-type]
        lambda: nexus.executor("lava", lanes=1.5),
        lambda: nexus.executor("lava", timeout="5"),
        lambda: nexus.executor("lava", timeout=float("nan")),
        lambda: nexus.executor("membrane", noise="a"),
        lambda: nexus.executor("bitsliced", threads="2"),
        lambda: nexus.load(3),  # type: ignore[arg-type]
        lambda: nexus.place(nexus.circuit("add", "float8_e4m3fn"), 3),  # type: ignore[call-overload]
        lambda: nexus.place(nexus.circuit("add", "float8_e4m3fn"), sets="x"),  # type: ignore[call-overload]
        lambda: nexus.place(nexus.circuit("add", "float8_e4m3fn"), seed=1.5),  # type: ignore[call-overload]
        lambda: nexus.place(nexus.circuit("add", "float8_e4m3fn"), max_delay="x"),  # type: ignore[call-overload]
    ],
    ids=range(13),
)
def test_arguments_of_a_wrong_kind_are_one_sentence(call: Callable[[], object]) -> None:
    with pytest.raises(nexus.NexusError):
        call()


@pytest.mark.parametrize("executor", FAST)
def test_tensors_are_taken(executor: str) -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor([1.0, 2.5], dtype=torch.bfloat16, requires_grad=True)
    assert nexus.run(nexus.circuit("add", nexus.BFLOAT16), x, x, executor=executor).value.tolist() == [2.0, 5.0]
    with pytest.raises(nexus.NexusError, match="is a tensor of float32 on device meta, which numpy cannot take"):
        nexus.run(nexus.circuit("neg", nexus.FLOAT32), torch.ones(2, device="meta"), executor=executor)
