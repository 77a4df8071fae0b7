"""What `scripts/nls_tables.py` reads: which tables of the operators of LIF populations, on how many operands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lava_nexus.config.base import Config
from lava_nexus.config.names import EnergyModelName

Section = Literal["errors", "sweeps", "primitives", "gates", "model"]
Size = Annotated[int, Field(ge=1, le=1024)]


class NlsTablesConfig(Config):
    """Tables and figures of the operators of LIF populations.

    Attributes:
        sections: errors beside published ones; sweeps of H, K, n, d; primitives with their bounds; costs against exact
            gates; the digits transformer by fraction replaced and by time steps.
        sizes: rows of softmax and of the norms.
        vectors: random rows of each size.
        points: of SiLU and GELU, evenly spaced on [-5, 5].
        samples: rows on which neurons run, for spikes and energy; an operand set of gates each.
        gate_sizes: rows of softmax and of the norms in the comparison with gates.
        images: of the digits' test split.
        energy_model: name of the constants, or a YAML file of them.
        seed: of all random operands.
        out: folder for results.
    """

    sections: tuple[Section, ...] = Field(default=("errors", "sweeps", "primitives", "gates", "model"), min_length=1)
    sizes: tuple[Size, ...] = Field(default=(8, 64, 256), min_length=1)
    vectors: int = Field(default=4096, ge=1)
    points: int = Field(default=20_001, ge=2)
    samples: int = Field(default=8, ge=1)
    gate_sizes: tuple[Size, ...] = Field(default=(8, 64), min_length=1)
    images: int = Field(default=360, ge=1, le=360)
    energy_model: EnergyModelName = "loihi1_pre_silicon"
    seed: int = Field(default=0, ge=0, lt=2**64)
    out: Path = Path("results/nls/tables")

    def quick(self) -> NlsTablesConfig:
        """A small part of it."""
        small = {"sizes": (8,), "vectors": 64, "points": 501, "samples": 2, "gate_sizes": (8,), "images": 12}
        return self.model_copy(update=small)
