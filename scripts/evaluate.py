"""Perplexity and multiple-choice tasks from local files: python scripts/evaluate.py configs/eval/samples.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("evaluate")
