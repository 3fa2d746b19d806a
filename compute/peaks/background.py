"""Smooth backgrounds under the peaks: a constant, a line, the flank of an edge, a power law.

Far below an edge of half width Γ at E0 its arctangent goes as ``1/2 + atan((E - E0)/Γ)/π ->
Γ/(π (E0 - E))``, and the tails of what follows the edge only move the pole. A range that ends on
the rise of an edge therefore has the background ``c + h d/(d + u)``: u is the distance from the
end of the range that is next to the edge, d that of the pole beyond it.
"""

from __future__ import annotations

import numpy as np

from compute.peaks.lineshapes import Floats

# Linear terms of each
BACKGROUND_TERMS = {"none": 0, "constant": 1, "linear": 2, "flank": 2, "power": 1}
# Those with a parameter that is not linear: the exponent, the pole
SHAPED = ("flank", "power")
# Backgrounds that are each a part of the next
LADDER = ("none", "constant", "linear")
# Backgrounds that may replace each other when it is chosen from the data
AUTO = (*LADDER, "flank")

NEAREST_POLE, FARTHEST_POLE = 0.02, 1.0  # distances beyond the range, of its width


def flank(energy: Floats, pole: float) -> Floats:
    """Rise towards a pole outside of the range, 1 at the end next to it, (n,)."""
    end = float(energy[-1] if pole > energy[-1] else energy[0])
    return np.asarray((pole - end) / (pole - energy))


def flank_slope(energy: Floats, pole: float) -> Floats:
    """Derivative of :func:`flank` by the logarithm of the pole's distance, (n,)."""
    row = flank(energy, pole)
    return row * (1.0 - row)


def kept_outside(pole: float, low: float, high: float) -> float:
    """A pole on its side of the range ``low`` to ``high``, neither too near nor too far."""
    span = high - low
    if pole > 0.5 * (low + high):
        return high + min(max(pole - high, NEAREST_POLE * span), FARTHEST_POLE * span)
    return low - min(max(low - pole, NEAREST_POLE * span), FARTHEST_POLE * span)


def poles(low: float, high: float) -> Floats:
    """Places of a pole worth trying first, on either side, (6,)."""
    distance = (high - low) * np.array([0.05, 0.2, 0.6])
    return np.concatenate([high + distance, low - distance])
