"""What a native layer's neurons send: spikes and active updates, from digits and classes of activations and of sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.tallies import Tally
from lava_nexus.populations.native.core import NativeCore
from lava_nexus.populations.native.limbs import BYTE, Fields, significand_bytes

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

    @staticmethod
    def joined(parts: Sequence[Sums], tally: Tally) -> Sums:
        """Those of all rows from those of some rows each, in order; the tally takes up theirs."""
        for part in parts:
            tally.add(part.tally)
        return Sums(
            [np.concatenate(payloads) for payloads in zip(*(p.plus for p in parts), strict=True)],
            [np.concatenate(payloads) for payloads in zip(*(p.minus for p in parts), strict=True)],
            np.concatenate([p.code for p in parts]),
            tally,
            {name: sum(part.active[name] for part in parts) for name in parts[0].active},
        )


def spikes_of(
    core: NativeCore,
    rows: NDArray[Any],
    found: Fields,
    sent: Integers,
    groups: Integers,
    plus: list[Integers],
    minus: list[Integers],
    code: Integers,
) -> Integers:
    """int64 [signals]."""
    limbs, n = core.limbs, len(rows)
    fmt = limbs.activation
    low = min(3, fmt.exponent_bits)
    spikes = np.zeros(core.n_signals, np.int64)
    ordinary, negative = ~(found.infinite | found.nan), found.negative
    zero = (found.significand == 0) & ~found.infinite
    bits = [((rows >> rows.dtype.type(b)) & rows.dtype.type(1)).astype(np.int64).sum(axis=0) for b in range(fmt.bits)]
    place = found.place % (1 << low)
    of: dict[str, Any] = {
        "strobe": n,
        "x": np.stack(bits, axis=1).ravel(),
        "gain": np.stack([(ordinary & (place == r)).sum(axis=0) for r in range(1 << low)], axis=1).ravel(),
        "normal": ((rows & rows.dtype.type(fmt.exponent_mask)) != 0).sum(axis=0),
        "plus_zero": (zero & ~negative).sum(axis=0),
        "minus_zero": (zero & negative).sum(axis=0),
        "plus_infinity": (found.infinite & ~negative).sum(axis=0),
        "minus_infinity": (found.infinite & negative).sum(axis=0),
        "nan": found.nan.sum(axis=0),
        "encoder": (sent != 0).sum(axis=(0, 1)),
        "special": (zero | found.infinite).sum(axis=0),
        "sign": n,
        "infinities": found.infinite.any(axis=1).sum(),
        "nans": found.nan.any(axis=1).sum(),
        "code": (code != 0).sum(axis=0),
    }
    of |= {f"accumulator.{g}": counts for g, counts in enumerate(groups)}
    of |= {f"plus.{k}": (p != 0).sum(axis=0) for k, p in enumerate(plus)}
    of |= {f"minus.{k}": (p != 0).sum(axis=0) for k, p in enumerate(minus)}
    for name, signals in core.offsets.items():
        spikes[signals] = of[name]
    return spikes


def active_of(
    core: NativeCore,
    found: Fields,
    sent: Integers,
    met: int,
    last: NDArray[np.bool_],
    sends: list[Integers],
    code: Integers,
    signs: tuple[int, int],
) -> dict[str, int]:
    """Updates of all but the accumulators in which a neuron receives or fires, by `PARTS`.

    Args:
        core: the layer.
        found, sent: the activations and their digits.
        met: how often digits come to a sum, times 2.
        last: sums to which some come in the step in which they are sent.
        sends: each payload, of either sign.
        code: what the neurons of special values send.
        signs: to how many sums signs of zeros come, and of infinities.
    """
    limbs = core.limbs
    zero = (found.significand == 0) & ~found.infinite
    loads = [~(found.infinite | found.nan), found.negative, found.place >> min(3, limbs.activation.exponent_bits)]
    loads += [(found.significand >> (BYTE * k)) & 255 for k in range(significand_bytes(limbs.activation))]
    encoders = sum(np.count_nonzero(load) for load in loads) + np.count_nonzero(sent)
    some_none = bool(limbs.none.any())
    signed = found.place.size if some_none else 0
    infinities, nans = found.infinite.any(axis=1), found.nan.any(axis=1)
    codes = sum(signs) + np.count_nonzero(code)
    codes += limbs.outputs * (np.count_nonzero(infinities) + np.count_nonzero(nans))
    sums = met * len(sends) + sum(np.count_nonzero((payload != 0) & ~last) for payload in sends)
    lines = np.count_nonzero(zero | found.infinite)
    few = np.count_nonzero(infinities) + np.count_nonzero(nans)
    return {
        "front end": int(encoders + signed + lines),
        "back end": int(sums),
        "special values": int(codes + few),
    }
