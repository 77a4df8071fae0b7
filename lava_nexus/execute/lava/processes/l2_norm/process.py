"""Process of the l2 norm by a tree of CORDIC vectoring steps."""

from __future__ import annotations

from lava_nexus.execute.lava.population_base import PopulationProcess
from lava_nexus.populations.primitives import l2_norm
from lava_nexus.populations.vectoring import Tree


class L2Norm(PopulationProcess):
    """tree.gain * sqrt(sum of x_i^2).

    Ports:
        a_in: [lanes, 1 + tree.size]; strobe, then x, integers whose norm is below 2^21.
        s_out: [lanes, 1]; the norm times the tree's gain, which is in 1..2.

    Args:
        tree: values and CORDIC steps.
        lanes, record_steps, name: see `PopulationProcess`.
    """

    def __init__(self, tree: Tree, lanes: int = 1, record_steps: int = 0, name: str | None = None) -> None:
        super().__init__(l2_norm(tree).network, lanes, record_steps, name)
