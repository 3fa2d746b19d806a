"""Single points of a curve that no spectrum has: a dropped count, a cosmic ray."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Conventions. A line sampled at twice its half width or finer lifts its neighbours by a fifth.
_NOISE = 20.0  # medians of how far points lie from the mean of their neighbours
_HIGH = 0.1  # of the range of all other points
# Of how far the point stands out: between its neighbours, beyond them, and below those beyond.
_APART, _LIFTED, _LOST = 0.3, 0.15, 0.5
_MOST = 50  # one in so many points, or three: more are noise of few counts


def spikes(values: FloatArray) -> NDArray[np.intp]:
    """Which of (n,) points stand alone against both neighbours, ascending; not the last two."""
    none = np.zeros(0, np.intp)
    if values.size < 8:
        return none
    off = values[2:-2] - 0.5 * (values[1:-3] + values[3:-1])
    out = np.abs(off)
    apart = np.abs(values[3:-1] - values[1:-3])
    lifted = np.maximum(np.abs(values[1:-3] - values[:-4]), np.abs(values[3:-1] - values[4:]))
    # A lost point may lie on a slope; the valley of a doublet goes no lower than beyond its peaks.
    lost = np.minimum(values[:-4], values[4:]) - values[2:-2] > _LOST * out
    alone = (out > _NOISE * np.median(out)) & (apart < _APART * out)
    alone &= (lifted < _LIFTED * out) | lost
    found: NDArray[np.intp] = np.flatnonzero(alone) + 2
    kept = np.delete(values, found)
    found = found[out[found - 2] > _HIGH * float(np.ptp(kept))]
    return found if found.size <= max(3, values.size // _MOST) else none


def bridged(values: FloatArray, at: NDArray[np.intp]) -> FloatArray:
    """The curve (n,) with the points ``at`` replaced by what lies between their neighbours."""
    place = np.arange(values.size)
    good = np.delete(place, at)
    return np.asarray(np.interp(place, good, values[good]))
