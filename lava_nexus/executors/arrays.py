"""Arrays that compiled loops work on, by what they hold."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]
"""Patterns and random bits."""
Reals: TypeAlias = NDArray[np.float64]
"""Potentials, noise, thresholds with a fraction."""
Integers: TypeAlias = NDArray[np.int32]
"""Weights, sources, integer potentials and thresholds."""
Indices: TypeAlias = NDArray[np.int64]
"""Offsets and counts."""
Spikes: TypeAlias = NDArray[np.uint8]
"""0 or 1."""
