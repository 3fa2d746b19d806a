"""Made absorption spectra whose edge, step and background are known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Made:
    """An edge of step 1 and what stands about it; energies in eV.

    Attributes
    ----------
    e0 : float
        Middle of the arctangent.
    hwhm : float
        Of the core hole.
    white : float
        Height of a Lorentzian white line, in steps.
    pre_edge : (offset, height, HWHM), optional
        A Lorentzian before the edge.
    others : tuple of (energy, step)
        Edges of other elements or shells.
    exafs : float
        Amplitude 30 eV above the edge.
    slope, offset : float
        Of the line under it all.
    """

    e0: float = 7112.0
    hwhm: float = 1.25
    white: float = 0.4
    pre_edge: tuple[float, float, float] | None = None
    others: tuple[tuple[float, float], ...] = field(default=())
    exafs: float = 0.06
    distance: float = 2.3
    slope: float = -3e-4
    offset: float = 0.7

    def __call__(self, x: Any, noise: float = 0.0, seed: int = 0) -> FloatArray:
        """On energies (n,), with white noise."""
        y = self.offset + self.slope * (x - self.e0) + self._edge(x, self.e0)
        for energy, step in self.others:
            y = y + step * self._edge(x, energy)
        if self.pre_edge is not None:
            offset, height, hwhm = self.pre_edge
            y = y + height / (1 + ((x - self.e0 - offset) / hwhm) ** 2)
        rng = np.random.default_rng(seed)
        return np.asarray(y + noise * rng.normal(size=x.size))

    def _edge(self, x: Any, e0: float) -> FloatArray:
        step = 0.5 + np.arctan((x - e0) / self.hwhm) / np.pi
        line = self.white / (1 + ((x - e0 - 3.0) / 2.5) ** 2)
        k = np.sqrt(np.clip(x - e0, 0.0, None) / 3.81)
        grows = np.clip((x - e0) / 30.0, 0.0, 1.0)
        wave = self.exafs * grows * np.sin(2 * self.distance * k) * np.exp(-0.008 * (k**2 - 8))
        return np.asarray(step + line + wave)


def scan(e0: float, before: float = 150.0, after: float = 700.0) -> FloatArray:
    """A usual scan: 5 eV steps, 0.3 eV over the edge, then 2.5 eV."""
    parts = [
        np.arange(e0 - before, e0 - 25.0, 5.0),
        np.arange(e0 - 25.0, e0 + 45.0, 0.3),
        np.arange(e0 + 45.0, e0 + after, 2.5),
    ]
    x = np.concatenate(parts)
    return x[(x >= e0 - before) & (x <= e0 + after)]
