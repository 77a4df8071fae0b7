"""The plan of a run on workers: bytes and work are those of a real run by tiles, seconds follow from the rates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lava_nexus.config import build_config
from lava_nexus.crew import Crew
from lava_nexus.errors import NexusError
from lava_nexus.execute.tiled import TiledExecutor, Tiling
from lava_nexus.lab.commands import OTHERS
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.plan import Engine, Rates, planned
from lava_nexus.lab.plan_page import distributed_page
from lava_nexus.lab.runs.transformer import job_of

ARCHITECTURE = {
    **{"model_type": "llama", "hidden_size": 128, "num_attention_heads": 4, "intermediate_size": 192},
    **{"num_hidden_layers": 2, "vocab_size": 96, "max_position_embeddings": 16, "rms_norm_eps": 1e-6},
}
CONFIG = {"model": {"kind": "transformer", "architecture": ARCHITECTURE, "tokens": [1, 2]}, "executor": "reference"}
ENGINE = {"invoke": 0.5, "node": 0.0, "neuron": 1e-9, "sets": {}, "sums": 1.0, "lanes": 1, "share": 1 << 40}
RATES = Rates.model_validate(
    {
        **{"processor": "none", "when": "never", "engines": {"reference": ENGINE}, "command": 3.0, "cluster": 5.0},
        **{"worker": 2.0, "first": 1.0, "tile": 0.25, "bytes": 1e6, "read": {"random": 1e5, "checkpoint": 2e5}},
        "memory": 1e8,
    }
)


class Counting(Crew):
    """Workers that are none; what goes to them and comes back is added up."""

    def __init__(self, workers: int) -> None:
        self.workers, self.tiles, self.sent, self.returned = workers, 0, 0, 0

    def map(self, function: Any, shared: Any, pieces: Any, returning: bool = False) -> Any:
        for tile in pieces:
            found = function(shared, tile)
            self.tiles, self.sent = self.tiles + 1, self.sent + tile.left.nbytes
            self.returned += found[0].nbytes + sum(
                0 if row["counted"]["signal_spikes"] is None else row["counted"]["signal_spikes"].nbytes
                for row in found[1]
            )
            yield found


def test_bytes_and_tiles_are_those_of_a_run() -> None:
    config = build_config(RunConfig, CONFIG, "test")
    job = job_of(config, quick=False)
    for workers in (1, 2, 3):
        crew = Counting(workers)
        job.model(job.tokens, TiledExecutor(Tiling(crew, f"planned {workers}", lambda: job.model.source, "reference")))
        plan = planned(config, workers, 1, RATES)
        assert plan.sent == crew.sent and plan.moved == pytest.approx(
            0.25 * crew.tiles + (plan.sent + plan.returned) / 1e6
        )
        counted = plan.returned - crew.returned  # spikes are planned for; the reference counts none
        assert counted > 0 and counted % 8 == 0


def test_seconds_follow_from_rates() -> None:
    config = build_config(RunConfig, CONFIG, "test")
    none, one, two, four = (planned(config, n, 1, RATES, processors=2) for n in (0, 1, 2, 4))
    linear = (
        sum(4 * 128 * 128 + 3 * 128 * 192 for _ in range(ARCHITECTURE["num_hidden_layers"]))
        + 128 * ARCHITECTURE["vocab_size"]
    )
    assert none.multiply_accumulates == one.multiply_accumulates == 2 * linear
    assert one.read == two.read == 4 * linear and one.memory - two.memory > linear
    assert (none.start, one.start, two.start) == (3.0, 9.0, 11.0)
    assert none.moved == 0 and one.here == two.here < none.here
    assert four.tiles == pytest.approx(2 * two.tiles, rel=0.2)  # two processors, and an invocation takes as long
    fast = Engine.model_validate(ENGINE | {"invoke": 0.25, "neuron": 5e-10})
    half = planned(config, 2, 1, RATES.model_copy(update={"engines": {"reference": fast}}), processors=2)
    assert half.tiles == pytest.approx(two.tiles / 2) and half.here == pytest.approx(two.here / 2)
    assert planned(config, 2, 1, RATES).start == 4.0  # a machine each: workers are there before


def test_the_command_tells_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(json.dumps(CONFIG))
    assert OTHERS["plan"].run([str(path), "--workers", "0", "2", "--json"]) == 0
    plans = json.loads(capsys.readouterr().out)
    assert [plan["workers"] for plan in plans] == [0, 2] and all(plan["wall"] > 0 for plan in plans)
    assert OTHERS["plan"].run([str(path), "--workers", "64"]) == 0
    assert "64 workers of 1 thread" in capsys.readouterr().out
    with pytest.raises(NexusError, match="no rates of executor 'membrane' are kept, only of bitsliced, reference"):
        OTHERS["plan"].run([str(path), "--set", "executor=membrane"])
    with pytest.raises(NexusError, match="a plan is of a transformer's run"):
        planned(build_config(RunConfig, {"model": {"kind": "digits"}}, "test"), 2, 1, RATES)


def test_the_page_shows_what_the_planner_says() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "distributed.md").read_text(encoding="utf-8")
    assert distributed_page(page, root) == page, "make it anew: python scripts/update_readme.py docs"
