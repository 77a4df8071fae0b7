"""Process of any population network."""

from __future__ import annotations

from lava_nexus.execute.lava.population_base import PopulationProcess


class Populations(PopulationProcess):
    """The neurons of the network that it is given; see `PopulationProcess`."""
