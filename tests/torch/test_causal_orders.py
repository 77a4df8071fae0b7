"""Products of causal attention, row by row, against PyTorch's whole product with a mask."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import FLOAT32
from lava_nexus.programs import Apply, Contract, Order, Program, Sum, Writer, causal_mix
from lava_nexus.programs.excerpt import Excerpt, Span, restricted
from lava_nexus.programs.order import Placed
from lava_nexus.torch import TorchOrders
from tests.models.checkpoints import CASES

Values = NDArray[Any]


pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.torch_order]


def drawn(seed: int, *shape: int) -> Values:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * np.exp2(rng.integers(-4, 4, shape))).astype(np.float32)


def bits(values: Any) -> Values:
    return FLOAT32.canonical(np.ascontiguousarray(values, np.float32).view(np.uint32))


def attended(
    query: Values, key: Values, value: Values, window: int | None, executor: str, accumulate: Any = None
) -> tuple[Values, Values, Values]:
    """Unscaled scores and softmax weights [heads, tokens, keys], 0 where nothing is seen, and the mixed values."""
    heads, tokens, width = query.shape
    w = Writer(Program("test"), FLOAT32, accumulate=accumulate or TorchOrders()).inside("attention")
    given = [w.program.input(name, x.shape, FLOAT32) for name, x in zip("qkv", (query, key, value), strict=True)]
    w.program.outputs["mixed"] = causal_mix(w, *given, width**-0.5, window)
    nodes = [(node, node.operands[0].number) for node in w.program.nodes]
    scores = {number for node, number in nodes if isinstance(node, Apply) and node.layer.endswith("scores")}
    weights = {number for node, number in nodes if isinstance(node, Contract) and node.layer.endswith("values")}
    feeds = {name: x.view(np.uint32)[None] for name, x in zip("qkv", (query, key, value), strict=True)}
    result = run_program(w.program, feeds, executor_named(executor), keep=scores | weights)
    whole = [np.zeros((heads, tokens, key.shape[1]), np.float32) for _ in range(2)]
    for out, numbers in zip(whole, (scores, weights), strict=True):
        for row, number in enumerate(sorted(numbers)):
            stop = key.shape[1] - tokens + row + 1
            found = result.kept[number][0, :, 0].view(np.float32)
            out[:, row, stop - found.shape[-1] : stop] = found
    return whole[0], whole[1], result.outputs["mixed"][0].view(np.float32)


@pytest.mark.parametrize("executor", ["reference", "bitsliced"])
@pytest.mark.parametrize(
    ("heads", "tokens", "past", "width", "window"),
    [
        (2, 5, 0, 8, None),
        (3, 9, 0, 20, None),
        (1, 24, 0, 4, None),
        (4, 7, 0, 16, 3),
        (2, 1, 6, 8, None),
        (2, 1, 6, 8, 3),
    ],
)
def test_rows_of_causal_attention_are_those_of_the_whole_product(
    heads: int, tokens: int, past: int, width: int, window: int | None, executor: str
) -> None:
    if executor == "bitsliced" and tokens > 9:
        pytest.skip("the reference shows it")
    keys = past + tokens
    query, key, value = drawn(1, heads, tokens, width), drawn(2, heads, keys, width), drawn(3, heads, keys, width)
    scores, weights, mixed = attended(query, key, value, window, executor)
    first = 0 if window is None else max(0, past + 1 - window)  # what a cache of PyTorch would hold no more
    q, k, v = (
        torch.from_numpy(x).clone(memory_format=torch.contiguous_format)
        for x in (query, key[:, first:], value[:, first:])
    )
    seen = np.tril(np.ones((tokens, keys), bool), past)
    if window is not None:
        seen &= ~np.tril(np.ones_like(seen), past - window)
    whole = bits(torch.matmul(q, k.transpose(-1, -2)).numpy())
    np.testing.assert_array_equal(bits(scores)[:, seen], whole[:, seen[:, first:]])
    np.testing.assert_array_equal(
        bits(mixed), bits(torch.matmul(torch.from_numpy(weights[..., first:].copy()).clone(), v).numpy())
    )


def test_a_named_order_differs_from_the_kernel() -> None:
    operands = [drawn(i, 2, 9, 20) for i in range(3)]
    torch_scores = attended(*operands, None, "reference")[0]
    assert (attended(*operands, None, "reference", "sequential")[0] != torch_scores).any()


class Products(TorchFunctionMode):
    """Keeps the operands and the result of every matmul."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[Tensor, Tensor, Tensor]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is torch.matmul:
            self.found.append((args[0], args[1], result))
        return result


def interleaved(x: Tensor) -> bool:
    """Whether heads [..., heads, tokens, width] lie in memory as [tokens, heads, width]."""
    return x.stride(-3) < x.stride(-2)


@pytest.mark.parametrize("name", ["llama2", "llama3", "qwen3", "mistral", "phi"])
def test_scores_and_values_are_those_of_the_eager_attention_of_transformers(name: str) -> None:
    model, products = CASES[name].build(), Products()
    with torch.no_grad(), products:
        model(torch.tensor([[3, 1, 4, 1, 5, 9, 2]]))
    window = getattr(model.config, "sliding_window", None) if name == "mistral" else None
    pairs = [pair for pair in pairwise(p for p in products.found if p[0].ndim == 4)][::2]
    assert len(pairs) == 2
    for (query, key, scores), (weights, value, mixed) in pairs:
        numpy = [x[0].numpy() for x in (query, key.transpose(-1, -2), value)]
        orders = TorchOrders(interleaved=(interleaved(query), interleaved(value)))
        assert interleaved(key.transpose(-1, -2)) == orders.interleaved[1] and not interleaved(weights)
        ours, _, _ = attended(*[np.ascontiguousarray(x) for x in numpy], window, "reference", orders)
        seen = weights[0, 0].numpy() != 0
        assert seen.sum() > 7
        np.testing.assert_array_equal(bits(ours)[:, seen], bits(scores[0].numpy())[:, seen])
        given = np.ascontiguousarray(weights[0].numpy())
        np.testing.assert_array_equal(bits(_summed(given, numpy[2], seen, orders)), bits(mixed[0].numpy()))


def _summed(weights: Values, value: Values, seen: Values, orders: TorchOrders) -> Values:
    """weights value, a row at a time, over what it sees."""
    heads, tokens, width = value.shape
    rows = []
    for row in range(tokens):
        places = np.nonzero(seen[row])[0]
        start, stop = int(places[0]), int(places[-1]) + 1
        w = Writer(Program("test"), FLOAT32, accumulate=orders).inside("values")
        x, v = (
            w.program.input("x", (heads, 1, stop - start), FLOAT32),
            w.program.input("v", (heads, stop - start, width), FLOAT32),
        )
        part = Excerpt(Span(row, row + 1, tokens), Span.all(width), Span(start, stop, tokens))
        w.program.outputs["y"] = w.contract(x, w.swapped(v), excerpt=part)
        feeds = {"x": weights[:, row : row + 1, start:stop], "v": value[:, start:stop]}
        patterns = {key: np.ascontiguousarray(x).view(np.uint32)[None] for key, x in feeds.items()}
        rows.append(run_program(w.program, patterns, executor_named("reference")).outputs["y"][0].view(np.float32))
    return np.concatenate(rows, axis=1)


def test_orders_without_some_terms() -> None:
    order = Order("torch", Sum((range(0, 8, 2), Sum((range(1, 8, 2),)))), bias_inside=True)
    assert restricted(order, Span(0, 8, 8)) == order
    assert str(restricted(order, Span(2, 5, 8)).tree) == "(0..2 step 2 + (1))"
    assert str(restricted(order, Span(3, 4, 8)).tree) == "(0)"
    with_bias = Order("torch", Sum((range(0, 4), range(4, 5))), bias_inside=True)
    assert str(restricted(with_bias, Span(1, 3, 4)).tree) == "(0..2)"


def test_parts_of_a_whole_in_several_orders() -> None:
    one, other = Order("torch", Sum((range(4),))), Order("torch", Sum((range(3, -1, -1),)))
    whole = [Placed(one, (0, 4), (0, 3)), Placed(other, (0, 4), (3, 9))]
    part = Excerpt(Span(2, 3, 4), Span(2, 6, 9), Span.all(4))
    assert part.placed(whole) == [Placed(one, (0, 1), (0, 1)), Placed(other, (0, 1), (1, 4))]
    assert Excerpt(Span(2, 3, 4), Span(4, 6, 9), Span.all(4)).placed(whole) == [Placed(other, (0, 1), (0, 2))]
