"""Names that modules had before: they give today's modules, and say where these are."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from lava_nexus.moved import TODAY

WITHIN = {"executors.sums": "execute.sums", "layers.order": "programs.order", "mapping.mapper": "chip.mapper"}


@pytest.mark.parametrize(("before", "place"), (TODAY | WITHIN).items())
def test_a_name_of_before_is_todays_module(before: str, place: str) -> None:
    if "loihi2" in place:
        pytest.importorskip("lava")
    today = importlib.import_module(f"lava_nexus.{place}")
    spec = today.__spec__
    for name in [name for name in sys.modules if name == f"lava_nexus.{before}"]:
        del sys.modules[name]
    with pytest.warns(DeprecationWarning, match=f"is lava_nexus.{place} today"):
        assert importlib.import_module(f"lava_nexus.{before}") is today
    assert today.__spec__ is spec and today.__name__ == f"lava_nexus.{place}"


def test_imports_of_notebooks_of_before_work() -> None:
    pytest.importorskip("lava")
    lines = [
        "from lava_nexus.executors.lava import FullAdder, Session, run_on_lava, spike_trains",
        "from lava_nexus.executors.interpret import run_program",
        "from lava_nexus.executors.reference import ReferenceExecutor",
        "from lava_nexus.layers import LayerShape, Program, Writer, linear, transformer_layer",
        "from lava_nexus.mapping import check_placement, load_chip",
        "from lava_nexus.mapping.mapper import Mapper",
        "from lava_nexus.mapping.partition import contiguous, spike_hypergraph",
        "from lava_nexus.mapping.schedule_checker import check_schedule",
        "from lava_nexus.mapping.scheduler import schedule_program",
        "from lava_nexus.mapping.strategy import Strategy",
        "from lava_nexus.hardware.executor import Loihi2Executor",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


def test_what_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match="lava_nexus.layers.nothing"):
        importlib.import_module("lava_nexus.layers.nothing")
