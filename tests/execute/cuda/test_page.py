"""docs/gpu.md holds what the records of a GPU and a CPU say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lava_nexus.errors import NexusError
from lava_nexus.lab.figures.gpu_page import page

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "gpu.md"
RECORDS = ROOT / "lava_nexus" / "energy" / "records"
NAMES = ("cuda.json", "cuda_models.json", "cuda_verify.json", "cpu.json")


def test_the_page_is_made_from_its_records() -> None:
    records = [json.loads((RECORDS / name).read_text()) for name in NAMES]
    assert page(PAGE.read_text(), *records) == PAGE.read_text()
    records[1]["rows"][0]["prompt seconds"] *= 2
    assert page(PAGE.read_text(), *records) != PAGE.read_text()
    records[1]["rows"][0]["prompt seconds"] /= 2
    records[2]["verified"][0]["seconds"] *= 2
    assert page(PAGE.read_text(), *records) != PAGE.read_text()
    records[2]["verified"][0]["seconds"] /= 2
    records[3]["layers"][1]["seconds"] *= 2
    assert page(PAGE.read_text(), *records) != PAGE.read_text()


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(NexusError, match="lacks its mark"):
        page("# GPUs\n", *(json.loads((RECORDS / name).read_text()) for name in NAMES))
