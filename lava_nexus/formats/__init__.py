"""Floor 1: what a number is."""

from lava_nexus.formats.encoding import decode, encode, patterns_to_spikes, spikes_to_patterns
from lava_nexus.formats.float_format import (
    BFLOAT16,
    FLOAT8_E4M3FN,
    FLOAT8_E5M2,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    FORMATS,
    FloatFormat,
    format_named,
)
from lava_nexus.formats.ulp import UlpSummary, ordered, summarise, ulp_distance

__all__ = [
    "BFLOAT16",
    "FLOAT8_E4M3FN",
    "FLOAT8_E5M2",
    "FLOAT16",
    "FLOAT32",
    "FLOAT64",
    "FORMATS",
    "FloatFormat",
    "UlpSummary",
    "decode",
    "encode",
    "format_named",
    "ordered",
    "patterns_to_spikes",
    "spikes_to_patterns",
    "summarise",
    "ulp_distance",
]
