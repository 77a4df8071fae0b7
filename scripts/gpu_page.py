"""Writes what docs/gpu.md and docs/claims.md say was measured, from records: python scripts/gpu_page.py.

`--take FOLDER ...` first puts runs of configs/ulp_full.yaml and configs/train_1b.yaml into their record.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lava_nexus.cli import run_guarded
from lava_nexus.errors import NexusError
from lava_nexus.lab import claims_page
from lava_nexus.lab.figures.gpu_page import page
from lava_nexus.lab.pages import read_report
from lava_nexus.lab.training.decoder_steps import loss_figure

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RECORDS = ROOT / "lava_nexus" / "energy" / "records"
CLAIMS = RECORDS / "cuda_claims.json"


def read(name: str) -> Any:
    """A record."""
    return json.loads((RECORDS / name).read_text())


def take(folders: Sequence[Path]) -> None:
    """Reports of runs into the record of claims, each in place of the one before."""
    record = json.loads(CLAIMS.read_text())
    for folder in folders:
        found = claims_page.kept(read_report(folder))
        if "training" in found:
            record |= found
            loss_figure([step["loss"] for step in found["training"]["steps"]], DOCS / "images" / "train_1b.png")
        else:
            record["models"] = [one for one in record["models"] if one["model"] != found["model"]] + [found]
    models = ",\n".join(map(json.dumps, record["models"]))
    CLAIMS.write_text(f'{{"models": [\n{models}\n],\n"training": {json.dumps(record["training"])}}}\n')


def main() -> None:
    """Writes the pages, or says that they are not what the records give."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="writes nothing")
    parser.add_argument("--take", nargs="+", type=Path, default=[], metavar="FOLDER", help="runs to be recorded")
    given = parser.parse_args()
    take(given.take)
    operations, models, checks = read("cuda.json"), read("cuda_models.json"), read("cuda_verify.json")
    pages = {name: DOCS / f"{name}.md" for name in ("gpu", "claims")}
    made = {
        pages["gpu"]: page(pages["gpu"].read_text(), operations, models, checks, read("cpu.json")),
        pages["claims"]: claims_page.page(pages["claims"].read_text(), read(CLAIMS.name), models),
    }
    for path, text in made.items():
        if given.check and text != path.read_text():
            raise NexusError(f"{path.name} is not what its records give; run python scripts/gpu_page.py")
        if not given.check:
            path.write_text(text)


if __name__ == "__main__":
    run_guarded(main)
