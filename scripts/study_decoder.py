"""A decoder on a text, in formats and by LIF populations: scripts/study_decoder.py configs/study/smollm2.yaml."""

from lava_nexus.__main__ import main

if __name__ == "__main__":
    main("study")
