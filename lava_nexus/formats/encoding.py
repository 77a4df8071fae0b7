"""Spatial bit encoding: a number is one spike channel a bit, all in one time step.

channel[i] = bit (bits - 1 - i) of the pattern, so that the last axis reads sign, exponent, fraction, MSB first.
Source: NEXUS, arXiv 2601.21279, section 3 (there also MSB first; no value is quantised, no bit is lost).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError
from lava_nexus.formats.number_format import FormatLike, as_format


def patterns_to_spikes(patterns: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Unsigned integers of shape (...) to 0/1 spikes of shape (..., bits), MSB first."""
    array = np.asarray(patterns)
    big_endian = array.astype(array.dtype.newbyteorder(">"), order="C")[..., None].view(np.uint8)
    return np.unpackbits(big_endian, axis=-1)[..., 8 * array.dtype.itemsize - bits :]


def spikes_to_patterns(spikes: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """0/1 spikes of shape (..., bits), MSB first, to unsigned integers of shape (...) and the dtype given."""
    array = np.asarray(spikes)
    width = 8 * dtype.itemsize
    if array.shape[-1] == width:
        padded = array.astype(np.uint8, copy=False)
    else:
        padded = np.zeros((*array.shape[:-1], width), dtype=np.uint8)
        padded[..., width - array.shape[-1] :] = array
    packed = np.ascontiguousarray(np.packbits(padded, axis=-1))
    return packed.view(dtype.newbyteorder(">"))[..., 0].astype(dtype)


def encode(values: ArrayLike, fmt: FormatLike) -> NDArray[np.uint8]:
    """Numbers of shape (...) to spikes of shape (..., fmt.bits).

    Raises:
        NexusError: a value that the format cannot hold exactly, or no format.
    """
    fmt = as_format(fmt)
    return patterns_to_spikes(fmt.to_patterns(values), fmt.bits)


def decode(spikes: NDArray[Any], fmt: FormatLike) -> NDArray[Any]:
    """Spikes of shape (..., fmt.bits) to numbers of shape (...), the inverse of `encode`.

    Raises:
        NexusError: the last axis is not as long as the format has bits, or a spike is neither 0 nor 1.
    """
    fmt, array = as_format(fmt), np.asarray(spikes)
    if array.ndim == 0 or array.shape[-1] != fmt.bits:
        raise NexusError(f"spikes of shape {array.shape} do not end in the {fmt.bits} channels of {fmt.name}")
    wrong = array > 1 if array.dtype.kind in "bu" else (array != 0) & (array != 1)
    if wrong.any():
        raise NexusError(f"spikes for {fmt.name} must be 0 or 1, found {array[wrong].flat[0]}")
    return np.asarray(fmt.from_patterns(spikes_to_patterns(array, fmt.pattern_dtype)))
