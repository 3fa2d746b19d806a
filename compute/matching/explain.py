"""Which peaks two curves share: the words beside a score, not the score itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# What is worth a word; conventions, no score depends on them.
_LEAST_HEIGHT = 0.02  # of the curve's range
_NOISE_FACTOR = 4.0  # a prominence that noise reaches in one of 10,000 points
_MOST = 12


@dataclass(frozen=True)
class Feature:
    """A peak or shoulder: eV, height above the curve's lowest value in units of its range."""

    energy_ev: float
    height: float
    shoulder: bool


@dataclass(frozen=True)
class PeakPair:
    """A feature of the measured curve beside that of a candidate; either may be missing."""

    measured: Feature | None
    candidate: Feature | None

    @property
    def difference_ev(self) -> float | None:
        """Measured − candidate."""
        if self.measured is None or self.candidate is None:
            return None
        return self.measured.energy_ev - self.candidate.energy_ev


def features(energy_ev: FloatArray, intensity: FloatArray, noise: float = 0.0) -> list[Feature]:
    """Peaks and shoulders of a smooth curve (n,), the 12 most prominent at most, by energy.

    A shoulder is a minimum of the curvature that is no maximum of the curve. ``noise`` is the
    standard deviation of a point; what does not stand out of it is left out.
    """
    from scipy.signal import find_peaks  # here: it brings all of scipy.stats, a second

    low, span = float(intensity.min()), float(np.ptp(intensity))
    if energy_ev.size < 8 or span <= 0:
        return []
    y = (intensity - low) / span
    least = max(_LEAST_HEIGHT, _NOISE_FACTOR * noise / span)
    tops, at = find_peaks(y, prominence=least)
    found = [
        (float(p), _at(energy_ev, y, int(k), False))
        for k, p in zip(tops, at["prominences"], strict=True)
    ]
    step = np.gradient(energy_ev)
    curvature = -np.gradient(np.gradient(y, energy_ev), energy_ev)
    bends, how = find_peaks(curvature * step**2, prominence=0.5 * least)
    for k, p in zip(bends, how["prominences"], strict=True):
        # A top bends as well, and so do its neighbours.
        if (np.abs(tops - k) > 2).all() and curvature[k] > 0:
            found.append((float(p), _at(energy_ev, y, int(k), True)))
    found.sort(key=lambda one: -one[0])
    return sorted((one for _, one in found[:_MOST]), key=lambda one: one.energy_ev)


def pair_features(
    measured: list[Feature], candidate: list[Feature], within_ev: float = 1.0
) -> list[PeakPair]:
    """Each feature beside the nearest of the other curve, closest pairs first taken.

    Those without a partner within ``within_ev`` stand alone. Sorted by energy.
    """
    near = sorted(
        (abs(m.energy_ev - c.energy_ev), i, j)
        for i, m in enumerate(measured)
        for j, c in enumerate(candidate)
        if abs(m.energy_ev - c.energy_ev) <= within_ev
    )
    left: dict[int, int] = {}
    for _, i, j in near:
        if i not in left and j not in left.values():
            left[i] = j
    pairs = [PeakPair(m, candidate[left[i]] if i in left else None) for i, m in enumerate(measured)]
    pairs += [PeakPair(None, c) for j, c in enumerate(candidate) if j not in left.values()]
    return sorted(pairs, key=lambda pair: (pair.measured or pair.candidate).energy_ev)  # type: ignore[union-attr]


def _at(energy: FloatArray, y: FloatArray, k: int, shoulder: bool) -> Feature:
    """The top of the parabola through a maximum and its neighbours; a shoulder where it is."""
    if shoulder or not 0 < k < y.size - 1:
        return Feature(float(energy[k]), float(y[k]), shoulder)
    a, b, c = y[k - 1], y[k], y[k + 1]
    bend = a - 2 * b + c
    off = float(np.clip(0.5 * (a - c) / bend, -0.5, 0.5)) if bend < 0 else 0.0
    step = energy[k + 1] - energy[k] if off > 0 else energy[k] - energy[k - 1]
    return Feature(float(energy[k] + off * step), float(b - 0.25 * (a - c) * off), False)
