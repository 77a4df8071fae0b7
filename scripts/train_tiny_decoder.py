"""Trains the tiny decoder on the Zen of Python: python scripts/train_tiny_decoder.py [--out FOLDER] [--quick]."""

import argparse
from pathlib import Path

import torch

from lava_nexus.cli import run_guarded
from lava_nexus.lab.training.train_decoder import save_decoder, train_decoder
from lava_nexus.progress import say

ROOT = Path(__file__).parents[1]


def main(asked: argparse.Namespace) -> None:
    """Trains, says how well, and writes."""
    trained = train_decoder(100 if asked.quick else asked.steps, asked.seed)
    say(f"loss {trained.loss:.4f} nats a character, {100 * trained.right:.1f} % of the characters are the likeliest")
    if not asked.quick:
        save_decoder(
            asked.out,
            trained,
            {
                "seed": str(asked.seed),
                "steps": str(asked.steps),
                "loss": repr(trained.loss),
                "torch": torch.__version__,
            },
        )
        say(f"written to {asked.out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "lava_nexus" / "models" / "tiny_decoder")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a hundred steps, nothing is written")
    asked = parser.parse_args()
    run_guarded(lambda: main(asked))
