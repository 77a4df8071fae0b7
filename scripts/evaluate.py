"""Perplexity and multiple-choice tasks from local files: python scripts/evaluate.py configs/eval/samples.yaml."""

from __future__ import annotations

from pathlib import Path

from lava_nexus.lab.command_line import run_command
from lava_nexus.lab.configs.evaluate import EvaluateConfig

FLAGS = {"resume": "go on from the last finished question or window of a run that was ended"}


def main(config: EvaluateConfig, out: Path, quick: bool, resume: bool) -> None:
    """One evaluation; models are imported only now, so that a mistake in the config is told at once."""
    from lava_nexus.lab.evaluation.run import run_evaluation

    run_evaluation(config, out, quick, resume)


if __name__ == "__main__":
    run_command(EvaluateConfig, main, "Evaluates a language model on text and multiple-choice tasks.", flags=FLAGS)
