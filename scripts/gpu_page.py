"""Writes the measured parts of docs/gpu.md from the records of a GPU: python scripts/gpu_page.py [--check]."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from lava_nexus.cli import run_guarded
from lava_nexus.errors import NexusError
from lava_nexus.lab.figures.gpu_page import page

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "gpu.md"
RECORDS = ROOT / "lava_nexus" / "energy" / "records"


def main() -> None:
    """Writes the page, or says that it is not what the records give."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="writes nothing")
    check = parser.parse_args().check
    operations, models = (json.loads((RECORDS / name).read_text()) for name in ("cuda.json", "cuda_models.json"))
    made = page(PAGE.read_text(), operations, models)
    if check and made != PAGE.read_text():
        raise NexusError(f"{PAGE.name} is not what its records give; run python scripts/gpu_page.py")
    if not check:
        PAGE.write_text(made)


if __name__ == "__main__":
    run_guarded(main)
