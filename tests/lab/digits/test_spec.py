"""Sizes that cannot be are refused, names and shapes are those of the shipped file."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from safetensors.numpy import load_file

from lava_nexus.errors import NexusError
from lava_nexus.models.checkpoint import load_checkpoint
from lava_nexus.models.digits import DIGITS, WEIGHTS


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"tokens": 0}, ("'tokens'", "0", "at least 1")),
        ({"blocks": -1}, ("'blocks'", "-1")),
        ({"hidden": 64.0}, ("'hidden'", "64.0", "integer")),
        ({"classes": True}, ("'classes'", "True")),
        ({"heads": 3}, ("3 heads", "head_dim 16", "48", "d_model 32")),
        ({"eps": 0.0}, ("'eps'", "0.0")),
        ({"eps": 1e-60}, ("'eps'", "1e-60", "float32")),
        ({"eps": float("nan")}, ("'eps'", "nan")),
        ({"eps": float("inf")}, ("'eps'", "inf")),
    ],
)
def test_impossible_sizes(change, parts):
    with pytest.raises(NexusError) as caught:
        replace(DIGITS, **change)
    for part in parts:
        assert part in str(caught.value)


def test_scale_is_rounded_to_float32():
    assert DIGITS.scale == 0.25
    assert replace(DIGITS, heads=4, head_dim=8).scale == 0.3535533845424652  # 0x3eb504f3


def test_tensors_are_those_of_the_shipped_file():
    shapes = {name: tensor.shape for name, tensor in load_file(WEIGHTS).items()}
    assert dict(DIGITS.tensors) == shapes
    assert DIGITS.parameters == sum(t.size for t in load_checkpoint(WEIGHTS, DIGITS.tensors).values())
    assert WEIGHTS.stat().st_size < 150_000


def test_multiply_accumulates_are_the_products_of_the_matrix_shapes():
    tokens, attention = 4, 2 * 2 * (4 * 16 * 4 + 4 * 4 * 16)  # blocks * heads * (q k^T, weights v)
    matrices = sum(out * width for out, width in (s for s in DIGITS.tensors.values() if len(s) == 2))
    once = 4 * 32 + 10 * 32  # positions multiply nothing, the classifier sees one pooled token
    assert DIGITS.multiply_accumulates == tokens * (matrices - once) + 10 * 32 + attention


def test_specification_and_config_do_not_import_torch():
    code = (
        "import sys, lava_nexus, lava_nexus.models.checkpoint, lava_nexus.lab.configs.model\n"
        "import lava_nexus.models.digits, lava_nexus.models.digits\n"
        "assert not {'torch', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
