"""Smooth backgrounds under the peaks: a constant, a line, the flank of an edge, a power law.

A range that ends on the rise of an edge has the wing of its arctangent as background,
``c + h atan(q d/(d + u))/atan(q)``: u is the distance from the end of the range that is next to
the edge, d that of the edge beyond it, q d the half width of the edge; h is the rise up to the end.
The tails of what follows the edge only move its place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from compute.peaks.lineshapes import Floats

# Linear terms of each
BACKGROUND_TERMS = {"none": 0, "constant": 1, "linear": 2, "flank": 2, "power": 1}
# Parameters that are not linear: place and width of the edge, the exponent
SHAPES = {"none": 0, "constant": 0, "linear": 0, "flank": 2, "power": 1}
# Backgrounds that are each a part of the next
LADDER = ("none", "constant", "linear")
# Backgrounds that may replace each other when it is chosen from the data
AUTO = (*LADDER, "flank")

NEAREST_EDGE, FARTHEST_EDGE = 0.02, 1.0  # distances beyond the range, of its width
SHARPEST, BLUNTEST = 0.1, 10.0  # half widths of an edge over its distance that can be told
FIRST_BLUNTNESS = 0.5


@dataclass(frozen=True)
class Wing:
    """An edge beyond the range: its place, eV, and its half width over its distance."""

    position: float
    bluntness: float = FIRST_BLUNTNESS

    def moved(self, steps: Floats, low: float, high: float) -> Wing:
        """With the logarithms of distance and bluntness changed, in bounds, on its side."""
        end = high if self.position > high else low
        span = high - low
        distance = abs(self.position - end) * math.exp(min(1.0, max(-1.0, steps[0])))
        distance = min(max(distance, NEAREST_EDGE * span), FARTHEST_EDGE * span)
        bluntness = self.bluntness * math.exp(min(1.0, max(-1.0, steps[1])))
        bluntness = min(max(bluntness, SHARPEST), BLUNTEST)
        return Wing(end + distance if end == high else end - distance, bluntness)


def flank(energy: Floats, wing: Wing) -> Floats:
    """Rise towards the edge, 1 at the end next to it, (n,)."""
    d, u = _distances(energy, wing)
    q = wing.bluntness
    return np.asarray(np.arctan(q * d / (d + u)) / math.atan(q))


def flank_slopes(energy: Floats, wing: Wing) -> Floats:
    """Derivatives of :func:`flank` by the logarithms of distance and bluntness, (2, n)."""
    d, u = _distances(energy, wing)
    q, s = wing.bluntness, d + u
    w, top = q * d, math.atan(q)
    share = w / ((s * s + w * w) * top)
    by_bluntness = share * s - flank(energy, wing) * q / ((1.0 + q * q) * top)
    return np.stack([share * u, by_bluntness])


def _distances(energy: Floats, wing: Wing) -> tuple[float, Floats]:
    """Distance of the edge from its end of the range, and of the points from there (n,), eV."""
    end = float(energy[-1] if wing.position > energy[-1] else energy[0])
    return abs(wing.position - end), np.abs(energy - end)


def wings(low: float, high: float) -> list[Wing]:
    """Edges worth trying first, on either side."""
    distances = (high - low) * np.array([0.05, 0.2, 0.6])
    return [Wing(float(at)) for at in np.concatenate([high + distances, low - distances])]
