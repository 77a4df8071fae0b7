"""PyTorch's own kernels, followed: reference and neurons give the bits of F.linear, matmul and sum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import BFLOAT16, FLOAT32
from lava_nexus.programs import Order, Program, Sum, Writer, linear, named_order
from lava_nexus.torch import TorchOrders, accumulation
from lava_nexus.torch import orders as torch_orders
from lava_nexus.torch.kernels import Kernel
from lava_nexus.torch.revealing import questions, refined, revealed

BOTH = ["reference", "bitsliced"]


pytestmark = pytest.mark.usefixtures("one_thread")


def drawn(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    rng = np.random.default_rng(len(shape) + shape[-1])
    return (rng.standard_normal(shape) * np.exp2(rng.integers(-9, 9, shape))).astype(np.float32)


def bits(values: object) -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    return FLOAT32.canonical(np.asarray(values, np.float32).view(np.uint32))


def allocated(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> torch.Tensor:
    """In memory of PyTorch's own: NumPy's lies at other alignments."""
    return torch.from_numpy(values).clone()


@pytest.mark.torch_order
@pytest.mark.parametrize("executor", BOTH)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("rows", "k", "columns"), [(4, 16, 32), (2, 1, 3), (7, 33, 5), (1, 40, 9), (8, 200, 6), (3, 130, 2), (18, 400, 3)]
)
def test_linear_layers(rows: int, k: int, columns: int, bias: bool, executor: str) -> None:
    if executor == "bitsliced" and rows * k * columns > 10_000:
        pytest.skip("the reference shows it")
    x, weight, b = drawn(rows, k), drawn(columns, k), drawn(columns)
    x[0, : k // 2], x[-1] = -0.0, np.where(np.arange(k) == 0, np.inf, -0.0)
    w = Writer(Program("test"), FLOAT32, accumulate=accumulation("torch")).inside("layer")
    given = w.program.input("x", (rows, k), FLOAT32)
    w.program.outputs["y"] = linear(w, given, w.constant(weight), w.constant(b) if bias else None)
    result = run_program(w.program, {"x": x.view(np.uint32)[None]}, executor_named(executor))
    tensors = [allocated(a) for a in (x, weight, b)]
    want = torch.nn.functional.linear(tensors[0], tensors[1], tensors[2] if bias else None)
    np.testing.assert_array_equal(result.outputs["y"][0], bits(want.numpy()))
    stated = {}
    for _, circuit, count in w.program.invocations():
        stated[circuit.name] = stated.get(circuit.name, 0) + count
    assert {t.circuit.name: t.invocations for t in result.tallies} == stated


@pytest.mark.torch_order
@pytest.mark.parametrize("executor", BOTH)
@pytest.mark.parametrize(("heads", "tokens", "width"), [(2, 4, 16), (3, 5, 4), (2, 1, 12), (1, 24, 20)])
def test_both_products_of_attention(heads: int, tokens: int, width: int, executor: str) -> None:
    query, key, value = (drawn(heads, tokens, width + i)[..., :width].copy() for i in range(3))
    w = Writer(Program("test"), FLOAT32, accumulate=TorchOrders()).inside("attention")
    q, k, v = (w.program.input(name, (heads, tokens, width), FLOAT32) for name in "qkv")
    scores = w.contract(q, k)
    w.program.outputs["scores"], w.program.outputs["mixed"] = scores, w.contract(scores, w.transpose(v, -3, -1, -2))
    feeds = {name: a.view(np.uint32)[None] for name, a in zip("qkv", (query, key, value), strict=True)}
    got = run_program(w.program, feeds, executor_named(executor)).outputs
    tensors = [allocated(a) for a in (query, key, value)]
    want = tensors[0] @ tensors[1].transpose(-1, -2)
    np.testing.assert_array_equal(got["scores"][0], bits(want.numpy()))
    np.testing.assert_array_equal(got["mixed"][0], bits((want @ tensors[2]).numpy()))


@pytest.mark.torch_order
@pytest.mark.parametrize("executor", BOTH)
@pytest.mark.parametrize(("rows", "length"), [(1, 3), (4, 33), (2, 150), (1, 600)])
def test_sums(rows: int, length: int, executor: str) -> None:
    x = drawn(rows, length)
    w = Writer(Program("test"), FLOAT32, accumulate=TorchOrders()).inside("sum")
    w.program.outputs["y"] = w.reduce("add", w.program.input("x", (rows, length), FLOAT32))
    got = run_program(w.program, {"x": x.view(np.uint32)[None]}, executor_named(executor)).outputs["y"][0]
    np.testing.assert_array_equal(got, bits(allocated(x).sum(-1).numpy()))
    sequential = np.add.accumulate(x, axis=-1)[:, -1]
    assert length < 9 or (got != bits(sequential)).any()


@pytest.mark.torch_order
def test_a_batch_stands_in_rows() -> None:
    x, weight = drawn(6, 3, 20), drawn(4, 20)
    w = Writer(Program("test"), FLOAT32, accumulate=TorchOrders(batch=6)).inside("layer")
    w.program.outputs["y"] = linear(w, w.program.input("x", (3, 20), FLOAT32), w.constant(weight))
    got = run_program(w.program, {"x": x.view(np.uint32)}, executor_named("reference")).outputs["y"]
    want = torch.nn.functional.linear(allocated(x), allocated(weight))
    np.testing.assert_array_equal(got, bits(want.numpy()))


class Rolled:
    """A product whose sums start at the term that its row's address says, as MKL's do on processors other than Intel's.

    Row t of matrix m at byte address a: terms s, s + 1, ..., length - 1, 0, ..., s - 1 with s = a / 4 modulo `period`.
    """

    def __init__(self, period: int, starts: int = 1) -> None:
        self.period, self.starts, self.calls = period, starts, 0

    def __call__(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """The product; with two `starts` every other call starts a term later."""
        self.calls += 1
        terms = (x.unsqueeze(-1) * w.unsqueeze(-3)).numpy()  # [matrices, rows, length, columns]
        first = x.data_ptr() // 4 + np.arange(len(x))[:, None] * x.stride(0) + np.arange(x.shape[1]) * x.stride(1)
        at = (first % self.period + self.calls % self.starts)[..., None] + np.arange(x.shape[2])
        terms = np.take_along_axis(terms, at[..., None] % x.shape[2], axis=2)
        return torch.from_numpy(np.add.accumulate(terms, axis=2)[:, :, -1].copy())


@pytest.fixture
def rolled(no_orders: Path, monkeypatch: pytest.MonkeyPatch) -> Rolled:
    """PyTorch with such a product."""
    product = Rolled(4)
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda x, w: product(x, w))
    return product


def beside(x: torch.Tensor) -> torch.Tensor:
    """The same heads [heads, tokens, width], in memory as [tokens, heads, width]."""
    return x.transpose(0, 1).contiguous().transpose(0, 1)


@pytest.mark.parametrize("interleaved", [(False, False), (True, True)])
@pytest.mark.parametrize(("heads", "tokens", "width"), [(6, 7, 10), (4, 3, 7), (1, 5, 6), (5, 4, 8)])
def test_matrices_at_other_alignments_are_formed_in_other_orders(
    rolled: Rolled, heads: int, tokens: int, width: int, interleaved: tuple[bool, bool]
) -> None:
    query, key, value = (drawn(heads, tokens, width + i)[..., :width].copy() for i in range(3))
    w = Writer(Program("test"), FLOAT32, accumulate=TorchOrders(interleaved=interleaved)).inside("attention")
    q, k, v = (w.program.input(name, (heads, tokens, width), FLOAT32) for name in "qkv")
    scores = w.contract(q, k)
    w.program.outputs["scores"], w.program.outputs["mixed"] = scores, w.contract(scores, w.transpose(v, -3, -1, -2))
    feeds = {name: a.view(np.uint32)[None] for name, a in zip("qkv", (query, key, value), strict=True)}
    got = run_program(w.program, feeds, executor_named("reference")).outputs
    lying = [beside(allocated(a)) if yes else allocated(a) for a, yes in zip((query, key), interleaved, strict=True)]
    want = rolled(lying[0], lying[1].transpose(-1, -2))
    np.testing.assert_array_equal(got["scores"][0], bits(want.numpy()))
    np.testing.assert_array_equal(got["mixed"][0], bits(rolled(want.clone(), allocated(value)).numpy()))
    made = len({str(order) for _, order in torch_orders.kernel_orders(Kernel("matmul", 10, 7, 7, matrices=6))})
    assert made == 2  # rows of 40 bytes lie at multiples of 16 and 8 beyond


def test_matrices_of_several_axes_share_one_operand(rolled: Rolled) -> None:
    query, key = drawn(2, 3, 5, 7), drawn(2, 1, 4, 7)
    w = Writer(Program("test"), FLOAT32, accumulate=TorchOrders()).inside("attention")
    q, k = w.program.input("q", query.shape, FLOAT32), w.program.input("k", key.shape, FLOAT32)
    w.program.outputs["y"] = w.contract(q, k)
    feeds = {"q": query.view(np.uint32)[None], "k": key.view(np.uint32)[None]}
    got = run_program(w.program, feeds, executor_named("reference")).outputs["y"][0]
    keys = np.broadcast_to(key, (2, 3, 4, 7)).reshape(6, 4, 7).copy()
    want = rolled(allocated(query.reshape(6, 5, 7)), allocated(keys).transpose(-1, -2))
    np.testing.assert_array_equal(got.reshape(6, 5, 4), bits(want.numpy()))


def test_elements_of_a_batch_at_other_alignments_are_told(rolled: Rolled) -> None:
    orders = TorchOrders(batch=2)
    placed = orders.orders("attention", 5, (4, 3, 3), False, False, FLOAT32)  # 4 x 3 x 5 numbers lie at multiples of 16
    assert {number for one in placed for number in one.matrices} == {0, 1, 2, 3}
    with pytest.raises(
        NexusError, match=r"6 x \(3, 5\) and \(5, 3\) adds in orders that vary with .*the 3 matrices of"
    ):
        orders.orders("attention", 5, (3, 3, 3), False, False, FLOAT32)


def test_a_product_that_varies_from_call_to_call_is_told(rolled: Rolled) -> None:
    rolled.starts = 2
    with pytest.raises(NexusError, match=r"2 x \(3, 8\) and \(8, 3\) gives other bits from call to call on the same"):
        torch_orders.kernel_orders(Kernel("matmul", 8, 3, 3, matrices=2))


@pytest.mark.torch_order
def test_what_was_found_is_kept_on_disk(no_orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel("linear", 20, 3, 4, bias=True)
    found = torch_orders.kernel_orders(kernel)
    assert len(list(no_orders.iterdir())) == 1
    monkeypatch.setattr(torch_orders, "_probed", None)
    torch_orders._kept_orders.cache_clear()
    assert torch_orders.kernel_orders(kernel) == found


def test_what_was_kept_holds_only_for_the_same_bits(rolled: Rolled, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel("matmul", 10, 7, 7, matrices=6)
    found = torch_orders.kernel_orders(kernel)
    torch_orders._kept_orders.cache_clear()
    rolled.period = 1
    again = torch_orders.kernel_orders(kernel)
    assert again != found and {order.tree for _, order in again} == {Sum((range(10),))}


@pytest.mark.parametrize("name", ["MKL_CBWR", "OMP_DYNAMIC", "KMP_AFFINITY", "ATEN_CPU_CAPABILITY", "LD_PRELOAD"])
def test_orders_are_kept_by_setting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch_orders._machine()
    monkeypatch.setenv(name, "other")
    assert torch_orders._machine() != before


@pytest.mark.torch_order
def test_orders_are_kept_by_processor_and_source(no_orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel("linear", 5, 3, 4)
    torch_orders.kernel_orders(kernel)
    monkeypatch.setattr(torch_orders, "_processor", lambda: "AuthenticAMD family 25 model 17")
    torch_orders.kernel_orders(kernel)
    assert len(list(no_orders.iterdir())) == 2
    torch_orders._kept_orders.cache_clear()
    digest = torch_orders.source_digest
    monkeypatch.setattr(
        torch_orders, "source_digest", lambda *files: digest(*(f for f in files if "order.py" not in f))
    )
    torch_orders.kernel_orders(kernel)
    assert len(list(no_orders.iterdir())) == 3


def meeting_in(tree: Sum):  # type: ignore[no-untyped-def]
    """Sizes of the sums in which pairs meet, by walking a tree."""

    def size(part: Sum, i: int, j: int) -> int:
        held: set[int] = set()
        for piece in part.parts:
            for one in piece if isinstance(piece, range) else [piece]:
                inside = {one} if isinstance(one, int) else set(one.terms())
                if {i, j} <= inside:
                    return size(one, i, j)
                held |= inside
                if {i, j} <= held:
                    return len(held)
        raise AssertionError

    return lambda pairs: np.array([size(tree, i, j) for i, j in pairs.tolist()])


@pytest.mark.parametrize("name", ["sequential", "pairwise"])
@pytest.mark.parametrize("length", [1, 2, 3, 13, 64])
def test_trees_are_revealed(name: str, length: int) -> None:
    tree = named_order(name, length).tree  # type: ignore[arg-type]
    assert tree is not None
    found = revealed(length, meeting_in(tree))
    assert found is not None and meeting_in(found)
    pairs = np.array([(i, j) for i in range(length) for j in range(i)], int).reshape(-1, 2)
    np.testing.assert_array_equal(meeting_in(found)(pairs), meeting_in(tree)(pairs))


def test_numbers_of_no_tree_are_noticed() -> None:
    assert revealed(4, lambda pairs: np.full(len(pairs), 3)) is None


def test_rounded_terms_and_starts_are_told_apart() -> None:
    tree = Sum((range(0, 3),))
    assert questions(tree) == [(1, 0), (0, 1), (2, 0)]
    assert refined(tree, {(1, 0), (2, 0)}) == tree
    assert refined(tree, {(0, 1), (2, 0)}) == Sum((range(1, -1, -1), range(2, 3)))
    assert refined(tree, {(1, 0)}) == Sum((range(0, 2), Sum((range(2, 3),))))


def test_orders_that_cannot_be_followed_are_one_sentence(no_orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    w = Writer(Program("test"), BFLOAT16, accumulate=TorchOrders())
    x = w.program.input("x", (2, 4), BFLOAT16)
    with pytest.raises(NexusError, match="float32 and float64 numbers, not of bfloat16"):
        w.contract(x, x)
    with pytest.raises(NexusError, match="takes its orders from"):
        named_order("torch", 4)
    monkeypatch.setattr(torch_orders, "_candidates", lambda *_: [Order("torch", Sum((range(3, -1, -1),)))])
    with pytest.raises(
        NexusError,
        match=r"no order .*linear of shapes \(2, 4\) and \(4, 3\) in rows 0 to 1, columns 0 to 2 of matrix 0$",
    ):
        torch_orders.kernel_orders(Kernel("linear", 4, 2, 3))
