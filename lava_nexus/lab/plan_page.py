"""Plans as a table, and what docs/distributed.md shows: measured tables that are kept, and plans that are computed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lava_nexus.config import load_config
from lava_nexus.documents import read_json, read_text
from lava_nexus.errors import NexusError
from lava_nexus.files import write_text
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.markdown import markdown
from lava_nexus.lab.pages import filled
from lava_nexus.lab.plan import Plan, Rates, planned

SHOWN = ("configs/models/llama_2_70b.yaml", ("model.layers=null", "model.tokens=64"), (1, 8, 64), 16)
"""Config, values that are replaced, workers, threads of each."""


def plan_command() -> str:
    """The command that prints the plans of the page."""
    path, replaced, workers, threads = SHOWN
    values = " ".join(f"--set {one}" for one in replaced)
    return f"lava-nexus plan {path} {values} --workers {' '.join(map(str, workers))} --threads {threads}"


def distributed_page(page: str, root: Path) -> str:
    """The page with today's tables between its marks."""
    path, replaced, workers, threads = SHOWN
    config, rates = load_config(RunConfig, root / path, replaced), Rates.of()
    plans = [planned(config, n, threads, rates) for n in workers]
    page = filled(page, "plan", lambda: f"    {plan_command()}\n\n{plan_table(plans, rates)}", "docs/distributed.md")
    kept = root / "docs" / "distributed.json"
    return filled(page, "measured", lambda: _measured(kept), "docs/distributed.md") if kept.is_file() else page


def _measured(kept: Path) -> str:
    found = read_json(kept, "benchmark")
    if found["quick"]:
        raise NexusError(f"{kept} is of a trial with --quick; the page shows whole runs")
    tables = (
        f"{one['title']}\n\n{markdown(one['header'], one['rows'])}\nOn: {one['where']}; `benchmarks/on_cluster.py`."
        for one in found["tables"]
    )
    return "\n\n".join(tables)


def update_distributed_page(root: Path) -> None:
    """Makes docs/distributed.md anew."""
    path = root / "docs" / "distributed.md"
    write_text(path, distributed_page(read_text(path, "page"), root))


def _named(plan: Plan) -> str:
    threads = f"{plan.threads} thread{'s' * (plan.threads > 1)}"
    return f"{plan.workers} worker{'s' * (plan.workers > 1)} of {threads}" if plan.workers else "no cluster"


def _seconds_of(seconds: float) -> str:
    return f"{seconds:,.3g} s" if seconds < 1000 else f"{seconds:,.0f} s"


def _bytes(count: float) -> str:
    power = min(4, max(0, (len(str(int(count))) - 1) // 3))
    return f"{count / 1000**power:.3g} {('B', 'KB', 'MB', 'GB', 'TB')[power]}"


def plan_table(plans: list[Plan], rates: Rates) -> str:
    """The plans side by side, in words."""
    rows: Mapping[str, Any] = {
        "wall time": lambda p: _seconds_of(p.wall),
        "of it linear layers, at the slowest worker": lambda p: _seconds_of(p.tiles),
        "attention, norms and what else runs here": lambda p: _seconds_of(p.here),
        "weights read, once": lambda p: _seconds_of(p.weights),
        "tiles given and taken": lambda p: _seconds_of(p.moved),
        "start": lambda p: _seconds_of(p.start),
        "multiply-accumulates": lambda p: f"{p.multiply_accumulates:,}",
        "bytes sent to workers": lambda p: _bytes(p.sent),
        "bytes that come back": lambda p: _bytes(p.returned),
        "weights that workers read, all together": lambda p: _bytes(p.read),
        "memory of the fullest worker": lambda p: _bytes(p.memory),
    }
    header = ("", *map(_named, plans))
    table = markdown(header, [[name, *(shown(p) for p in plans)] for name, shown in rows.items()])
    measured = f"Rates of one thread of: {rates.processor}, {rates.when}."
    return f"{table}\n{measured} The strict reference runs beside, as it always does."
