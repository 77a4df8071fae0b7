"""What `scripts/circuit_table.py` reads: which circuits, and how their spikes are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from lava_nexus.config.base import Config
from lava_nexus.config.names import FormatName
from lava_nexus.formats import FORMATS
from lava_nexus.neurons.limits import LOIHI2


class CircuitTableConfig(Config):
    """A table of circuits.

    Attributes:
        operations: names; None for all there are.
        formats: of the operands, in the order of the table.
        bases: cells that the circuits are built of.
        styles: least neurons or least depth; where a basis has no choice, or both are the same network, one row.
        max_delay: largest synaptic delay; longer waits are relay neurons.
        inputs: operand sets drawn from N(0, 1) on which spikes are counted; 0 counts none.
        executor: what counts them; the membrane executor needs no lowering, which takes long for large networks.
        seed: of the operands.
        out: folder for results.
    """

    operations: tuple[str, ...] | None = None
    formats: tuple[FormatName, ...] = Field(default=tuple(FORMATS), min_length=1)
    bases: tuple[Literal["threshold", "nexus"], ...] = Field(default=("threshold", "nexus"), min_length=1)
    styles: tuple[Literal["neurons", "depth"], ...] = Field(default=("neurons",), min_length=1)
    max_delay: int = Field(default=LOIHI2.max_delay, ge=0)
    inputs: int = Field(default=4096, ge=0)
    executor: Literal["membrane", "bitsliced"] = "membrane"
    seed: int = Field(default=0, ge=0, lt=2**64)
    out: Path = Path("results/circuit_table")
