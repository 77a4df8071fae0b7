"""`product: native` in programs: written, run by three executors, refused where it has no form."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.execute.run import executor, run
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT32
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.configs.model import ArithmeticConfig
from lava_nexus.models.model import random_model
from lava_nexus.models.transformer import Model
from lava_nexus.populations.native.limbs import Limbs
from lava_nexus.populations.stateful import StatefulNeuron
from lava_nexus.programs import Contract, Exact, Native, Paired, Program, Writer


def written(fmt=BFLOAT16, inputs=12, outputs=5, bias=True, **how):
    rng = np.random.default_rng(0)
    program = Program("layer")
    w = Writer(program, fmt, accumulate=how.pop("accumulate", "exact"), **{"product": "native", **how}).inside("up")
    x = program.input("x", (3, inputs), fmt)
    weight = w.constant(rng.standard_normal((outputs, inputs)))
    y = w.contract(x, weight, w.constant(rng.standard_normal(outputs)) if bias else None)
    program.outputs["y"] = w.contract(y, y)  # both factors vary: as in attention
    program.outputs["sums"] = y
    return program


def operands(program, fmt=BFLOAT16, batch=2):
    rng = np.random.default_rng(1)
    shape = (batch, *program.inputs["x"].shape)
    return {"x": fmt.to_patterns(rng.standard_normal(shape).astype(fmt.dtype))}


def test_executors_give_the_bits_of_exact_gates_and_count_alike():
    program = written()
    given = operands(program)
    kinds = [type(node.product) for node in program.nodes if isinstance(node, Contract)]
    assert kinds == [Native, Paired]
    results = [run(program, given, executor=executor(name)) for name in ("bitsliced", "membrane", "reference")]
    results.append(run(written(product=None), given, executor="bitsliced"))
    for result in results[1:]:
        for name, patterns in results[0].outputs.items():
            assert np.array_equal(patterns, result.outputs[name])
    counted = [{tally.circuit.digest: tally for tally in result.tallies} for result in results[:2]]
    assert counted[0].keys() == counted[1].keys()
    for digest, tally in counted[0].items():
        assert (tally.synops, tally.spikes) == (counted[1][digest].synops, counted[1][digest].spikes)


def test_a_program_counts_all_its_parts():
    program = written(bias=False)
    layer, pairs = (node.product.layer for node in program.nodes if isinstance(node, Contract))
    parts = [(unit.label, count) for _, unit, count in program.operators()]
    assert parts == [(layer.core.label, 3), (layer.bits.label, 15), (pairs.core.label, 3), (pairs.bits.label, 9)]
    invoked = [(circuit.digest, count) for _, circuit, count in program.invocations()]
    assert invoked[:2] == [(layer.front.digest, 36), (layer.back.digest, 15)]
    assert invoked[2:] == [(layer.front.digest, 15), (layer.front.digest, 15), (layer.back.digest, 9)]
    assert program.neurons >= 3 * layer.core.neurons + 15 * layer.back.neurons
    assert program.depth > layer.depth
    result = run(program, operands(program), executor="bitsliced")
    assert {tally.circuit.label for tally in result.tallies} >= {label for label, _ in parts}


def test_weights_of_a_narrower_format_take_fewer_synapses():
    plain, narrow = (
        next(node.product.layer for node in written(fmt, **how).nodes if isinstance(node, Contract))
        for fmt, how in ((FLOAT32, {}), (FLOAT32, {"weight_format": FLOAT8_E4M3FN}))
    )
    few, many = (layer.network.fan_out[layer.network.offsets["encoder"]].sum() for layer in (narrow, plain))
    assert few < many / 2
    assert narrow.limbs.result == FLOAT32


def test_what_has_no_form_of_native_products_says_so():
    with pytest.raises(NexusError, match="layer 'up': native products take accumulate exact, not .* 'sequential'"):
        written(accumulate="sequential")
    with pytest.raises(NexusError, match=r"layer 'up': weight \[0, 0\] is inf"):
        program = Program("layer")
        w = Writer(program, BFLOAT16, accumulate="exact", product="native").inside("up")
        w.contract(program.input("x", (1, 1), BFLOAT16), w.constant(np.array([[np.inf]])))
    program = written()
    silent = executor("bitsliced")
    silent.native = None
    with pytest.raises(NexusError, match="layer 'up': executor 'bitsliced' has no form of native products"):
        run(program, operands(program), executor=silent)


def test_configs_name_the_product_and_its_order():
    found = ArithmeticConfig(product="native", accumulate="exact")
    assert found.product == "native"
    with pytest.raises(ValueError, match="native products take accumulate exact, not accumulate 'sequential'"):
        ArithmeticConfig(product="native")


def test_models_take_native_products_and_their_order_follows():
    tiny = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 1}
    keys = {"model_type": "llama", **tiny, "vocab_size": 32, "max_position_embeddings": 16, "rms_norm_eps": 1e-6}
    native = random_model(keys, format="float8_e5m2", product="native")
    gates = random_model(keys, format="float8_e5m2", accumulate="exact")
    assert native.arithmetic.accumulate == "exact"
    found = native([1, 2, 3], "reference").logits
    assert np.array_equal(found.view(np.uint8), gates([1, 2, 3], "reference").logits.view(np.uint8))
    with pytest.raises(NexusError, match="native products take accumulate exact, not accumulate 'sequential'"):
        random_model(keys, product="native", accumulate="sequential")
    with pytest.raises(NexusError, match="product 'synapses' does not exist; choose one of .*native"):
        random_model(keys, product="synapses")


@pytest.mark.parametrize("name", ("block_d256", "digits"))
def test_the_configs_that_come_with_the_package_are_native(name):
    config = load_config(RunConfig, Path(__file__).parents[2] / "configs" / "native" / f"{name}.yaml")
    assert (config.product, config.accumulate, config.executor) == ("native", "exact", "bitsliced")


@pytest.mark.wide
def test_shared_operators_run_alike_and_err_less_than_sums_in_sequence():
    keys = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 96}
    keys |= {"num_hidden_layers": 1, "vocab_size": 32, "max_position_embeddings": 16, "rms_norm_eps": 1e-3}

    def states(format, operators="steps", name="reference", **how):
        made = random_model(keys, format=format, norm_format=format, **how)
        made = Model(made.spec, made.source, replace(made.arithmetic, operators=operators))
        return np.asarray(made([3, 1, 4, 1], name).logits)

    exact = states("float64", accumulate="sequential")
    errors = {
        operators: np.sqrt(np.mean((states("float32", operators, product="native") - exact) ** 2))
        for operators in ("steps", "shared", "deferred")
    }
    sequential = np.sqrt(np.mean((states("float32", accumulate="sequential") - exact) ** 2))
    assert max(errors.values()) < sequential / 2
    for operators in ("shared", "deferred"):
        found = [states("float8_e5m2", operators, name, product="native") for name in ("reference", "bitsliced")]
        assert np.array_equal(found[0].view(np.uint8), found[1].view(np.uint8))
    with pytest.raises(NexusError, match="operators 'shared' take accumulate exact, not accumulate 'sequential'"):
        states("float32", "shared", accumulate="sequential")
    with pytest.raises(ValueError, match="operators 'shared' take accumulate exact"):
        ArithmeticConfig(operators="shared")


def test_attention_is_gates_where_they_are_asked_for():
    kinds = [type(n.product) for n in written(attention="gates").nodes if isinstance(n, Contract)]
    assert kinds == [Native, Exact]


@pytest.mark.parametrize("fmt", (FLOAT8_E4M3FN, BFLOAT16), ids=str)
def test_sums_of_values_are_native_and_have_the_bits_of_the_register(fmt):
    def summed(product):
        program = Program("sum")
        w = Writer(program, fmt, accumulate="exact", product=product).inside("norm")
        program.outputs["y"] = w.reduce("add", program.input("x", (40, 6), fmt))
        return program

    words = np.random.default_rng(0).integers(0, 1 << fmt.bits, (2, 40, 6)).astype(fmt.pattern_dtype)
    words[0, 0], words[0, 1], words[0, 2, 3:] = fmt.sign_mask, 0, words[0, 2, :3] ^ fmt.sign_mask
    want = run(summed(None), {"x": words}, executor="reference").outputs["y"]
    results = [
        run(summed("native"), {"x": words}, executor=executor(n)) for n in ("bitsliced", "membrane", "reference")
    ]
    for result in results:
        assert np.array_equal(result.outputs["y"], want)
    counted = [[(t.synops, t.spikes) for t in result.tallies] for result in results[:2]]
    assert counted[0] == counted[1] and len(counted[0]) == 4


def test_the_page_shows_the_equations_of_the_neurons():
    layer = NativeLayer(Limbs(BFLOAT16, BFLOAT16, BFLOAT16, BFLOAT16.to_patterns(np.ones((1, 2), BFLOAT16.dtype))))
    populations = (*layer.network.layers, *layer.bits.network.populations)
    neurons, lines = dict[str, StatefulNeuron](), []
    for neuron in (p.neuron for p in populations if p.neuron is not None):
        neurons.setdefault(neuron.name, neuron)
    for neuron in neurons.values():
        lines.append(f"{neuron.name}: keeps {', '.join(neuron.states) or 'nothing'}; sends {neuron.sends}")
        lines += [f"    {target} = {expression}" for target, expression in neuron.equations]
    page = (Path(__file__).parents[2] / "docs" / "native.md").read_text(encoding="utf-8")
    assert "```text\n" + "\n".join(lines) + "\n```" in page
