"""The run configs that ship are valid, and their keys are checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.formats import FORMATS
from lava_nexus.lab.configs.execution import RunConfig

DIGITS = Path(__file__).parents[3] / "configs" / "digits.yaml"


def test_digits() -> None:
    config = load_config(RunConfig, DIGITS)
    assert (config.model.kind, config.format, config.executor) == ("digits", "float32", "lava")
    assert config.out == Path("results/digits")


def test_a_strategy_is_read_with_and_without_quotes() -> None:
    for text in ("place=fit: chips=3", "place='fit: chips=3'"):
        assert load_config(RunConfig, DIGITS, [text]).place == "fit: chips=3"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(name: str) -> None:
    assert load_config(RunConfig, DIGITS, [f"format={name}"]).float_format == FORMATS[name]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("format=float23", ["'format' is 'float23'", "does not exist", "did you mean 'float32'"]),
        ("energy_model=loihi3", ["'energy_model'", "'loihi3' does not exist"]),
        ("place=sideways", ["'place' is 'sideways'", "none of 'unrolled', 'folded: k' and 'fit: chips=n'"]),
        ("place=fit: chips=0", ["'place'", "'fit: chips=0': 0 is below 1"]),
        ("chip=loihi3", ["'chip' is 'loihi3'", "does not exist"]),
        ("executor=gpu", ["'executor' is 'gpu'", "'bitsliced'"]),
        ("model.images=0", ["'model.images' is 0"]),
        ("timeout_seconds=.inf", ["finite"]),
        ("lava.procesess=3", ["did you mean 'processes'"]),
    ],
)
def test_mistakes(override: str, words: list[str]) -> None:
    with pytest.raises(NexusError) as caught:
        load_config(RunConfig, DIGITS, [override])
    for word in words:
        assert word in str(caught.value)
