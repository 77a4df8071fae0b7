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


def test_a_batch_stands_in_rows() -> None:
    x, weight = drawn(6, 3, 20), drawn(4, 20)
    w = Writer(Program("test"), FLOAT32, accumulate=TorchOrders(batch=6)).inside("layer")
    w.program.outputs["y"] = linear(w, w.program.input("x", (3, 20), FLOAT32), w.constant(weight))
    got = run_program(w.program, {"x": x.view(np.uint32)}, executor_named("reference")).outputs["y"]
    want = torch.nn.functional.linear(allocated(x), allocated(weight))
    np.testing.assert_array_equal(got, bits(want.numpy()))


def test_what_was_found_is_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAVA_NEXUS_CACHE", str(tmp_path))
    kernel = Kernel("linear", 20, 3, 4, bias=True)
    found = torch_orders.kernel_orders(kernel)
    assert list((tmp_path / "torch_orders").iterdir())
    monkeypatch.setattr(torch_orders, "_probed", None)
    torch_orders._kept_orders.cache_clear()
    assert torch_orders.kernel_orders(kernel) == found


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


def test_orders_that_cannot_be_followed_are_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAVA_NEXUS_CACHE", str(tmp_path))
    w = Writer(Program("test"), BFLOAT16, accumulate=TorchOrders())
    x = w.program.input("x", (2, 4), BFLOAT16)
    with pytest.raises(NexusError, match="float32 and float64 numbers, not of bfloat16"):
        w.contract(x, x)
    with pytest.raises(NexusError, match="takes its orders from"):
        named_order("torch", 4)
    torch_orders._kept_orders.cache_clear()
    monkeypatch.setattr(torch_orders, "_candidates", lambda *_: [Order("torch", Sum((range(3, -1, -1),)))])
    with pytest.raises(
        NexusError,
        match=r"no order .*linear of shapes \(2, 4\) and \(4, 3\) in rows 0 to 1, columns 0 to 2 of matrix 0$",
    ):
        torch_orders.kernel_orders(Kernel("linear", 4, 2, 3))
