"""What was measured elsewhere and stands beside estimates: a GPU's record, whole systems of others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lava_nexus.documents import read_json, read_yaml
from lava_nexus.errors import NexusError
from lava_nexus.files import DAMAGED

_FOLDER = Path(__file__).parent / "records"
BLOCK = "block of d = 256"


@dataclass(frozen=True)
class GpuRow:
    """One case of `benchmarks/gpu_block.py`.

    Attributes:
        subject: what a token is of.
        mode: "eager" or "cuda graph".
        format: of weights and activations.
        batch: sequences at once.
        joules_a_token: of the whole device, its idle power included; mean of all windows.
        tokens_a_second: of all sequences together.
        least, most: joules a token of a window.
    """

    subject: str
    mode: str
    format: str
    batch: int
    joules_a_token: float
    tokens_a_second: float
    least: float
    most: float


@dataclass(frozen=True)
class GpuRecord:
    """A run of the benchmark.

    Attributes:
        device, driver, date: where and when.
        method: how joules were measured.
        macs: multiply-accumulates a token, by subject.
        rows: cases that gave joules.
    """

    device: str
    driver: str
    date: str
    method: str
    macs: dict[str, int]
    rows: tuple[GpuRow, ...]

    @classmethod
    def load(cls, path: Path) -> GpuRecord:
        """Reads what the benchmark wrote.

        Raises:
            NexusError: the file is no record, or no joules were measured.
        """
        try:
            data = read_json(path, "record")
            rows = tuple(_row(row) for row in data["rows"] if row.get("joules_a_token") is not None)
            macs = {one["name"]: int(one["macs"]) for one in data["subjects"]}
            found = cls(data["device"], str(data["driver"]), data["date"], data["method"], macs, rows)
        except DAMAGED as error:
            raise NexusError(f"'{path}' is no record of a GPU: {type(error).__name__}") from error
        if not rows:
            raise NexusError(f"record '{path}' holds no joules: the benchmark did not run on a CUDA device")
        return found

    def row(self, batch: int, subject: str = BLOCK, fmt: str = "float32", mode: str = "cuda graph") -> GpuRow | None:
        """The row of a case, None where it was not measured."""
        wanted = (subject, mode, fmt, batch)
        return next((r for r in self.rows if (r.subject, r.mode, r.format, r.batch) == wanted), None)

    @property
    def batches(self) -> tuple[int, ...]:
        """Smallest and largest batch of the block in FP32, as a CUDA graph."""
        found = sorted(r.batch for r in self.rows if (r.subject, r.mode, r.format) == (BLOCK, "cuda graph", "float32"))
        return (found[0], found[-1]) if found else ()

    def __str__(self) -> str:
        return f"{self.device}, driver {self.driver}, {self.date}"


def _row(row: dict[str, Any]) -> GpuRow:
    windows = row["windows_joules_a_token"]
    told = ("subject", "mode", "format", "batch", "joules_a_token", "tokens_a_second")
    return GpuRow(**{name: row[name] for name in told}, least=min(windows), most=max(windows))


@cache
def gpu_record() -> GpuRecord | None:
    """The record that comes with the package; None where there is none yet."""
    path = _FOLDER / "gpu_block.json"
    return GpuRecord.load(path) if path.is_file() else None


@dataclass(frozen=True)
class MeasuredSystem:
    """What a whole system was reported to take.

    Attributes:
        name: what ran on what.
        joules_a_token, nanojoules_a_mac, tokens_a_second: everything in.
        source, confidence: where it was read, and how directly.
    """

    name: str
    joules_a_token: float
    nanojoules_a_mac: float
    tokens_a_second: float
    source: str
    confidence: str


def measured_systems() -> tuple[MeasuredSystem, ...]:
    """Those of `records/systems.yaml`."""
    listed: Any = read_yaml(_FOLDER / "systems.yaml", "record")
    return tuple(MeasuredSystem(**one) for one in listed)
