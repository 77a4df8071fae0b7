"""Codes that take time, as baselines: rate, time to first spike and temporal bits, beside spatial bits (`formats`)."""

from lava_nexus.encodings.code import CODES, SpikeCode, code_named
from lava_nexus.encodings.signed import SignedCode

__all__ = ["CODES", "SignedCode", "SpikeCode", "code_named"]
