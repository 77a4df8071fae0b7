"""Transformers as integrate-and-fire logic on Intel Loihi 2 and Lava, bit for bit equal to IEEE-754 arithmetic."""

from typing import TYPE_CHECKING, Any

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.errors import NexusError
from lava_nexus.formats import (
    BFLOAT16,
    FLOAT8_E4M3FN,
    FLOAT8_E5M2,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    FloatFormat,
    IntegerFormat,
    decode,
    encode,
)
from lava_nexus.neurons import NeuronModel, NonIdealities

if TYPE_CHECKING:
    from lava_nexus.execute.placing import place
    from lava_nexus.execute.run import Result, run
    from lava_nexus.models.model import Model, load, random_model

__version__ = "0.1.0"

__all__ = [
    "BFLOAT16",
    "FLOAT8_E4M3FN",
    "FLOAT8_E5M2",
    "FLOAT16",
    "FLOAT32",
    "FLOAT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "Circuit",
    "FloatFormat",
    "IntegerFormat",
    "Model",
    "NeuronModel",
    "NexusError",
    "NonIdealities",
    "Result",
    "circuit",
    "decode",
    "encode",
    "load",
    "place",
    "random_model",
    "run",
]

_LAZY = {
    "run": "lava_nexus.execute.run",
    "Result": "lava_nexus.execute.run",
    "load": "lava_nexus.models.model",
    "random_model": "lava_nexus.models.model",
    "Model": "lava_nexus.models.model",
    "place": "lava_nexus.execute.placing",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'lava_nexus' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
