"""Kinds of sums of products: what each takes, states and refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lava_nexus.chip.scheduler import schedule_program
from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.run import executor_named
from lava_nexus.execute.sums import formed
from lava_nexus.formats import FLOAT16
from lava_nexus.programs import KINDS, Constant, Contract, Exact, Fused, Product, Program, Rounded, Writer, linear
from lava_nexus.programs.order import named_order
from tests.programs.oracle import Values


def layer(weight: Values | None = None, **how: Any) -> Program:
    w = Writer(Program("test"), FLOAT16, **how).inside("layer")
    x = w.program.input("x", (2, 5), FLOAT16)
    right = w.program.input("w", (3, 5), FLOAT16) if weight is None else w.constant(weight)
    w.program.outputs["y"] = linear(w, x, right) if weight is not None else w.contract(x, right)
    return w.program


def product(program: Program) -> Product:
    (node,) = (node for node in program.nodes if isinstance(node, Contract))
    return node.product


WEIGHT = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float16)


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({}, Rounded),
        ({"accumulate": "pairwise"}, Rounded),
        ({"accumulate": "fma"}, Fused),
        ({"accumulate": "exact"}, Exact),
        ({"weights": "constant"}, Constant),
        ({"product": "constant"}, Constant),
        ({"product": "fused", "accumulate": "fma"}, Fused),
    ],
    ids=str,
)
def test_a_sum_of_products_has_one_kind(how: dict[str, Any], kind: type[Product]) -> None:
    program = layer(WEIGHT, **how)
    assert type(product(program)) is kind is KINDS[kind.name]
    feeds = {"x": FLOAT16.to_patterns(WEIGHT[None, :2])}
    got, want = (run_program(program, feeds, executor_named(name)) for name in ("bitsliced", "reference"))
    np.testing.assert_array_equal(got.outputs["y"], want.outputs["y"])
    stated = {circuit.digest: count for _, circuit, count in program.invocations()}
    assert {tally.circuit.digest: tally.invocations for tally in got.tallies} == stated


def test_a_kind_that_needs_constant_weights_leaves_other_products_alone() -> None:
    assert isinstance(product(layer(product="constant")), Rounded)
    assert isinstance(product(layer(product="constant", accumulate="exact")), Exact)


def test_what_a_kind_does_not_take_is_one_sentence() -> None:
    with pytest.raises(NexusError, match="layer 'layer': product 'round' does not exist; choose one of rounded, fused"):
        layer(product="round")
    with pytest.raises(NexusError, match="layer 'layer': exact sums take accumulate exact, not accumulate 'seq"):
        layer(product="exact")
    mul, add = circuit("mul", FLOAT16), circuit("add", FLOAT16)
    with pytest.raises(NexusError, match="rounded products take accumulate sequential or pairwise, not accumulate 'e"):
        Rounded(mul, add, named_order("exact", 4))


def test_an_executor_that_cannot_form_a_kind_says_so() -> None:
    class Unknown(Product):
        name = "unknown"

        def invocations(self, extent: object) -> list[Any]:
            return []

        def depth(self, extent: object) -> int:
            return 0

        @classmethod
        def of(cls, parts: object, order: object) -> Product:
            return cls()

    with pytest.raises(NexusError, match="executor 'reference' does not form sums of kind 'unknown'"):
        formed(Unknown.of(None, None), None, executor_named("reference"))  # type: ignore[arg-type]


def test_schedules_refuse_constant_weights_in_one_sentence() -> None:
    program = layer(WEIGHT, weights="constant")
    instances = {used.digest: 1 for _, used, _ in program.invocations()}
    with pytest.raises(NexusError, match="layer 'layer' has sums of kind 'constant', schedules know 'rounded'"):
        schedule_program(program, instances, 1)
