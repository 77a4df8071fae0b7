"""docs/gpu.md holds what the records of a GPU say."""

from __future__ import annotations

import json

import pytest

from benchmarks.cuda_page import PAGE, RECORDS, page
from lava_nexus.errors import NexusError


def test_the_page_is_made_from_its_records() -> None:
    records = [json.loads((RECORDS / name).read_text()) for name in ("cuda.json", "cuda_models.json")]
    assert page(PAGE.read_text(), *records) == PAGE.read_text()
    records[1]["rows"][0]["prompt seconds"] *= 2
    assert page(PAGE.read_text(), *records) != PAGE.read_text()


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(NexusError, match="lacks its mark"):
        page("# GPUs\n", {"verified": [], "rows": [{"first call": 0, "what": ""}], "machine": _MACHINE}, {})


_MACHINE = {"device": "none", "driver": 13000, "cupy": "0", "date": "2026-01-01"}
