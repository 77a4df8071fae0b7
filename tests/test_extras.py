"""A package that is not installed is one sentence that names the extra which brings it."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lava_nexus import errors
from lava_nexus.circuits import Circuit, circuit
from lava_nexus.errors import EXTRAS, NexusError
from lava_nexus.export.interchange import nir_graph, write_netx
from lava_nexus.export.nir_reader import read_nir
from lava_nexus.export.verilog import write_vcd
from lava_nexus.models.gguf_model import gguf_tokenizer
from lava_nexus.models.stored import GgufFile
from lava_nexus.models.text import tokenizer

USES: dict[str, tuple[str, Callable[[Circuit, Path], Any]]] = {
    "NIR out": ("nir", lambda adder, at: nir_graph(adder)),
    "NIR in": ("nir", lambda adder, at: read_nir(at / "a.nir")),
    "netx": ("h5py", lambda adder, at: write_netx(adder, at / "a.net")),
    "VCD": ("vcd", lambda adder, at: write_vcd(adder, [np.zeros(1, np.uint8)] * 2, at / "a.vcd")),
    "text": ("tokenizers", lambda adder, at: tokenizer(at)),
    "text of GGUF": ("tokenizers", lambda adder, at: gguf_tokenizer(at / "a.gguf")),
    "GGUF": ("gguf", lambda adder, at: GgufFile(at / "a.gguf").reader),
}


@pytest.mark.parametrize("use", USES)
def test_what_is_missing_is_named_with_its_extra(use: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, call = USES[use]
    (tmp_path / "tokenizer.json").write_text("{}")
    adder = circuit("add", "float8_e4m3fn")
    monkeypatch.setattr(errors, "find_spec", lambda name: None if name == package else find_spec(name))
    extra = next(extra for extra, packages in EXTRAS.items() if package in packages)
    with pytest.raises(NexusError, match=rf" needs {package}: pip install 'lava-nexus\[{extra}\]'$"):
        call(adder, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


def test_extras_are_those_of_the_package() -> None:
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    listed = dict(
        re.findall(r"^(\w+) = \[([^\]]*)\]", text.partition("[project.optional-dependencies]")[2], re.MULTILINE)
    )
    names = {"sklearn": "scikit-learn", "vcd": "pyvcd", "lava": "lava-nc"}
    for extra, packages in EXTRAS.items():
        for package in packages:
            assert f'"{names.get(package, package)}' in listed[extra]
