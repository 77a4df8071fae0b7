"""What `scripts/export_circuit.py` reads: a circuit, and the files that it becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from lava_nexus.config.base import Config
from lava_nexus.config.names import FormatName
from lava_nexus.neurons.limits import LOIHI2


class ExportConfig(Config):
    """One circuit for other tools.

    Attributes:
        operation, format, to, basis, options: of the circuit.
        max_delay: largest synaptic delay; netx files have none at all, whatever this is.
        files: which to write.
        operand_sets: random sets that the VCD trace streams, one a step.
        seed: of the operands.
        out: folder for the files.
    """

    operation: str
    format: FormatName = "float32"
    to: FormatName | None = None
    basis: Literal["threshold", "nexus"] = "threshold"
    options: dict[str, Any] = Field(default_factory=dict)
    max_delay: int = Field(default=LOIHI2.max_delay, ge=0, le=LOIHI2.max_delay)
    files: tuple[Literal["nir", "netx", "verilog", "vcd"], ...] = Field(
        default=("nir", "netx", "verilog", "vcd"), min_length=1
    )
    operand_sets: int = Field(default=16, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    out: Path = Path("results/export")
