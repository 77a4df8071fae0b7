"""The script's files and its mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lava_nexus.config import load_config
from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.places import ExportConfig
from lava_nexus.lab.runs.export import export_circuit

CONFIG = Path(__file__).parents[3] / "configs" / "export.yaml"


def test_all_files_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = load_config(ExportConfig, CONFIG, ["operation=neg"])
    paths = export_circuit(config, tmp_path, quick=True)
    assert [path.suffix for path in paths] == [".nir", ".net", ".v", ".vcd", ".yaml"]
    assert all(path.stat().st_size > 500 for path in paths)
    assert "neg_float8_e4m3fn.vcd" in capsys.readouterr().out


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(NexusError, match="operation 'ad' does not exist"):
        export_circuit(load_config(ExportConfig, CONFIG, ["operation=ad"]), tmp_path)
    with pytest.raises(NexusError, match="files"):
        load_config(ExportConfig, CONFIG, ["files=[edif]"])
