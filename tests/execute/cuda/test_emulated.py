"""Plans, tables and the text of kernels, run on the host: bits and counts are those of the bit-sliced executor."""

from __future__ import annotations

from pathlib import Path

import pytest

from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.cuda import CudaExecutor
from tests.execute.cuda.cases import cases, record
from tests.execute.cuda.emulated import COMPILER, emulated

CASES = dict(cases())

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")


@pytest.mark.parametrize("count", ["activity", False])
@pytest.mark.parametrize(
    "name",
    ["sequential (3, 5, 7) bfloat16", "fma (2, 20, 64) bfloat16", "rows folded by add and max", "scores of heads"],
)
def test_kernels_on_the_host_give_what_the_cpu_gives(
    name: str, count: bool | str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with emulated(monkeypatch, tmp_path):
        found = record(CASES[name], CudaExecutor(count=count))
    assert found == record(CASES[name], BitslicedExecutor(count))
