"""Single points of a curve that no spectrum has: a dropped count, a cosmic ray."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Conventions. A line sampled coarsely may stand out upwards, by no more than its own height; no
# spectrum has a notch of one point.
_NOISE = 20.0  # medians of how far points lie from the mean of their neighbours
_UP, _DOWN = 3.0, 0.4  # of the range of all other points
_APART = 0.3  # of how far the point stands out, between its neighbours


def spikes(values: FloatArray) -> NDArray[np.intp]:
    """Which of (n,) points stand alone against both neighbours, ascending; never the ends."""
    if values.size < 8:
        return np.zeros(0, np.intp)
    off = values[1:-1] - 0.5 * (values[:-2] + values[2:])
    apart = np.abs(values[2:] - values[:-2])
    noise = float(np.median(np.abs(off)))
    found = np.flatnonzero((np.abs(off) > _NOISE * noise) & (apart < _APART * np.abs(off))) + 1
    kept = np.delete(values, found)
    reach = float(np.ptp(kept)) if kept.size else 0.0
    high = off[found - 1]
    result: NDArray[np.intp] = found[(high > _UP * reach) | (high < -_DOWN * reach)]
    return result


def bridged(values: FloatArray, at: NDArray[np.intp]) -> FloatArray:
    """The curve (n,) with the points ``at`` replaced by what lies between their neighbours."""
    place = np.arange(values.size)
    good = np.delete(place, at)
    return np.asarray(np.interp(place, good, values[good]))
