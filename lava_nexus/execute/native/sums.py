"""What the neurons between the gates of a native layer send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.tallies import Tally

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Sums:
    """What a layer's core sends, and what it cost.

    Attributes:
        plus, minus: int64 [rows, outputs] of each payload, of sums that are not negative and of negative ones.
        code: int64 [rows, outputs].
        tally: counts of the core.
        active: active updates by populations, as `counts.active_of` names them; empty where not told apart.
    """

    plus: Sequence[Integers]
    minus: Sequence[Integers]
    code: Integers
    tally: Tally
    active: dict[str, int] = field(default_factory=dict)
