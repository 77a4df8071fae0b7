"""What was measured elsewhere: the GPU's record and systems of others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lava_nexus.energy import GpuRecord, gpu_record, measured_systems
from lava_nexus.energy.measurements import BLOCK
from lava_nexus.errors import NexusError

RECORD = Path(__file__).parents[2] / "benchmarks" / "records" / "gpu_block.json"


def test_the_record_that_ships_is_the_benchmarks() -> None:
    record = gpu_record()
    assert record is not None and record == GpuRecord.load(RECORD)
    assert record.device and record.driver and record.date
    kept = json.loads(RECORD.read_text())["rows"]
    row = record.row(1)
    assert row is not None
    (same,) = [
        r for r in kept if (r["subject"], r["mode"], r["format"], r["batch"]) == (BLOCK, "cuda graph", "float32", 1)
    ]
    assert row.joules_a_token == same["joules_a_token"]
    assert row.least <= row.joules_a_token <= row.most
    assert record.batches == (1, 4096)
    assert record.row(3) is None


def test_records_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text("{}")
    with pytest.raises(NexusError, match="is no record of a GPU"):
        GpuRecord.load(path)
    values = json.loads(RECORD.read_text())
    values["rows"] = [{**values["rows"][0], "joules_a_token": None}]
    path.write_text(json.dumps(values))
    with pytest.raises(NexusError, match="holds no joules"):
        GpuRecord.load(path)


def test_systems_name_their_source() -> None:
    (system,) = measured_systems()
    assert system.nanojoules_a_mac == 1.09 and "2503.18002" in system.source and system.confidence
