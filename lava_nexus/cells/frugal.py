"""The threshold cells with the choices that take least energy: fewer synapses for a few more neurons.

A group of columns is narrower, so that fewer neurons read each of its spikes; a carry of an increment reads few bits
and the carry before it; the normaliser of an addition shares its ANDs.
"""

from __future__ import annotations

from lava_nexus.cells.threshold import Threshold


class Frugal(Threshold):
    """The `threshold` basis in the style "energy"."""

    style = "energy"
    largest_sum = 63
    run = 2
    nested_sums = True
