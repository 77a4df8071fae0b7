from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lava_nexus.chip.description import LIMITS, delay_bits, load_chip
from lava_nexus.errors import NexusError
from lava_nexus.neurons import LOIHI2

FILE = Path(__file__).parents[2] / "configs/chips/loihi2.yaml"


def test_every_number_has_a_source_and_none_is_stated_twice():
    data = yaml.safe_load(FILE.read_text())
    entries = [*data["limits"].values(), *data["boards"].values(), data["mesh"], data["cores_usable"]]
    assert all(entry["source"] and entry["confidence"] for entry in entries)
    assert data["limits"]["axons_in"]["rule"] == "max_fan_in"
    assert load_chip().limits.axons_in.most == LOIHI2.max_fan_in
    assert load_chip().limits.largest_delay.most == LOIHI2.max_delay


def test_the_smaller_count_of_neurons_decides():
    chip = load_chip()
    assert chip.most("neurons") == 4096
    assert chip.limits.neurons_stated.most == 8192
    assert chip.mesh.cores == 128
    assert chip.cores == 120
    assert all(chip.most(limit) > 0 for limit in LIMITS)


@pytest.mark.parametrize(
    ("delay", "bits", "neurons"), [(0, 0, 4096), (2, 2, 2048), (6, 3, 1024), (7, 4, 512), (62, 6, 128)]
)
def test_delay_memory_is_shared_by_the_neurons_of_a_core(delay, bits, neurons):
    assert delay_bits(delay) == bits
    assert load_chip().neurons_with_delay(delay) == neurons


@pytest.mark.parametrize(
    ("chips", "board"),
    [(1, ("oheo_gulch", 1)), (2, ("kapoho_point", 1)), (9, ("hala_point", 1)), (1153, ("hala_point", 2))],
)
def test_boards(chips, board):
    assert load_chip().board_for(chips) == board


def test_bad_chips(tmp_path):
    with pytest.raises(NexusError, match="chip 'loihi3' does not exist; choose one of loihi2"):
        load_chip("loihi3")
    data = yaml.safe_load(FILE.read_text())
    del data["limits"]["groups"]["source"]
    path = tmp_path / "chip.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(NexusError, match=r"'limits\.groups\.source' is missing"):
        load_chip(path)
    data["limits"]["groups"] = {"value": 0, "source": "s", "confidence": "c"}
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(NexusError, match=r"'limits\.groups\.value' is 0"):
        load_chip(path)
