"""What a number is: floating-point and integer formats, their bit patterns, spatial bits and ULP."""

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
from lava_nexus.formats.integer_format import (
    INT8,
    INT16,
    INT32,
    INT64,
    INTEGER_FORMATS,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    IntegerFormat,
)
from lava_nexus.formats.number_format import FormatLike, NumberFormat, as_format, number_format_named
from lava_nexus.formats.ulp import UlpSummary, ordered, summarise, ulp_distance

__all__ = [
    "BFLOAT16",
    "FLOAT8_E4M3FN",
    "FLOAT8_E5M2",
    "FLOAT16",
    "FLOAT32",
    "FLOAT64",
    "FORMATS",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "INTEGER_FORMATS",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "FloatFormat",
    "FormatLike",
    "IntegerFormat",
    "NumberFormat",
    "UlpSummary",
    "as_format",
    "decode",
    "encode",
    "format_named",
    "number_format_named",
    "ordered",
    "patterns_to_spikes",
    "spikes_to_patterns",
    "summarise",
    "ulp_distance",
]
