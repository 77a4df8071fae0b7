"""Process of division by a ladder of thresholds."""

from __future__ import annotations

from lava_nexus.execute.lava.population_base import PopulationProcess
from lava_nexus.populations.division import Ladders
from lava_nexus.populations.primitives import division


class Division(PopulationProcess):
    """quotient = count of neurons i of 2^bits with dividend >= i * step, the step being a shift of the divisor.

    Ports:
        a_in: [lanes, 1 + dividends + 1]; strobe, dividends, divisor: 0 .. 2^22 - 1 (2^17 - 1 without shift).
        s_out: [lanes, dividends]; quotients 0 .. 2^bits.

    Args:
        how: bits, digits and whether a leading-one detector shifts the operands; the published ladder of 2^8 with the
            shift if not given.
        dividends: how many share the divisor.
        lanes, record_steps, name: see `PopulationProcess`.
    """

    def __init__(
        self,
        how: Ladders | None = None,
        dividends: int = 1,
        lanes: int = 1,
        record_steps: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(division(how or Ladders(), dividends).network, lanes, record_steps, name)
