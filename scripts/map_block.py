"""Maps a block or a model onto Loihi 2: python scripts/map_block.py configs/map_block_d256.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.places import MapBlockConfig


def main(config: MapBlockConfig, out: Path, quick: bool) -> None:
    """One report; the mapper is imported only now, so that a mistake in the config is told at once."""
    from lava_nexus.lab.runs.mapping import run_map_block

    run_map_block(config, out, quick)


if __name__ == "__main__":
    run_command(MapBlockConfig, main, "Maps a block or a model onto chips: instances, cores, time steps, traffic.")
