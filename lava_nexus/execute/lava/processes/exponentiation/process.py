"""Process of exponentiation by chords."""

from __future__ import annotations

from lava_nexus.execute.lava.population_base import PopulationProcess
from lava_nexus.populations.operator import DEFAULT, Options
from lava_nexus.populations.primitives import exponentiation


class Exponentiation(PopulationProcess):
    """exp(x) by K chords on [-H, H]; 0 below, clamped above.

    Ports:
        a_in: [lanes, 1 + size]; strobe, then x with `in_fraction` fraction bits.
        s_out: [lanes, size]; exp(x) with 14 fraction bits, or as many as let exp(H) fit 22 bits.

    Args:
        options: H, K and the widths of the table.
        size: operands.
        lanes, record_steps, name: see `PopulationProcess`.
    """

    def __init__(
        self,
        options: Options = DEFAULT,
        size: int = 1,
        lanes: int = 1,
        record_steps: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(exponentiation(options, size).network, lanes, record_steps, name)
