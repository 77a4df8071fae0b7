"""A program is data: it prints, it counts, it is cut into segments, and inputs that do not fit are told."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import FLOAT16, FLOAT32
from lava_nexus.programs import Program, Writer, linear, residual
from lava_nexus.programs.excerpt import port_name, segments


def small_program() -> Program:
    w = Writer(Program("small"), FLOAT16)
    x = w.program.input("x", (2, 3), FLOAT16)
    weight = w.constant(np.arange(9, dtype=np.float32).reshape(3, 3) / 8)
    y = linear(w.inside("first"), x, weight)
    y = residual(w.inside("sum"), x, y)
    w.program.outputs["y"] = linear(w.inside("second"), y, weight)
    return w.program


def test_counts_are_those_of_an_instance_for_every_invocation() -> None:
    program = small_program()
    add, mul = circuit("add", FLOAT16), circuit("mul", FLOAT16)
    products, sums = 2 * (2 * 3 * 3), 2 * (2 * 3 * 2) + 2 * 3
    assert program.neurons == products * mul.neurons + sums * add.neurons
    assert program.synapses == products * mul.synapses + sums * add.synapses
    assert program.depth == 2 * (mul.depth + 2 * add.depth) + add.depth


def test_prints_every_node_with_its_invocations() -> None:
    text = str(small_program())
    assert "contract" in text and "18 mul + 12 add" in text and "[second]" in text


def test_tallies_are_kept_by_layer() -> None:
    x = np.ones((5, 2, 3), np.float16).view(np.uint16)
    result = run_program(small_program(), {"x": x}, executor_named("bitsliced"))
    assert list(result.layers) == ["first", "sum", "second"]
    counted = {tally.circuit.name: tally.invocations for tally in result.layers["first"]}
    assert counted == {"mul": 5 * 18, "add": 5 * 12}
    total = {tally.circuit.name: tally.invocations for tally in result.tallies}
    assert total == {"mul": 5 * 36, "add": 5 * 30}


def test_segments_run_one_after_the_other_give_the_whole() -> None:
    program = small_program()
    x = np.random.default_rng(0).standard_normal((4, 2, 3)).astype(np.float16).view(np.uint16)
    whole = run_program(program, {"x": x}, ReferenceExecutor()).outputs["y"]
    values = {port_name(program.inputs["x"]): x}
    parts = segments(program)
    assert [(part.name, part.kind) for part in parts] == [
        ("first", "linear"),
        ("sum", "residual"),
        ("second", "linear"),
    ]
    for part in parts:
        feeds = {port_name(v): values[port_name(v)] for v in part.inputs}
        values |= run_program(part.program, feeds, ReferenceExecutor()).outputs
    np.testing.assert_array_equal(values[port_name(program.outputs["y"])], whole)


def test_inputs_that_do_not_fit_are_one_sentence() -> None:
    with pytest.raises(NexusError, match="misses its input 'x'"):
        run_program(small_program(), {}, ReferenceExecutor())
    with pytest.raises(NexusError, match=r"input 'x' of program 'small' has shape \(3, 2\).*not \(2, 3\)"):
        run_program(small_program(), {"x": np.zeros((1, 3, 2), np.uint16)}, ReferenceExecutor())


def test_a_reference_in_another_format_differs() -> None:
    """The programs of two formats are not the same thing: what the tests compare can differ."""
    w = Writer(Program("wide"), FLOAT32)
    x = w.program.input("x", (1, 3), FLOAT32)
    w.program.outputs["y"] = linear(w, x, w.constant(np.full((1, 3), 0.1, np.float32)))
    feeds = np.full((1, 1, 3), 0.3, np.float32)
    wide = run_program(w.program, {"x": feeds.view(np.uint32)}, ReferenceExecutor()).outputs["y"].view(np.float32)
    assert wide[0, 0, 0] != np.float16(wide[0, 0, 0])
