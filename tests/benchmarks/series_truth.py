"""Series of known truth: L2,3 mixtures of our own multiplets under noise, drift and background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from compute.multiplet import solve

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ion:
    """An ion in a ligand field, and where its L3 maximum lies (as oxides have it), eV."""

    element: str
    charge: int
    ten_dq: float
    l3_ev: float


IONS: Mapping[str, Ion] = MappingProxyType(
    {
        "Mn2": Ion("Mn", 2, 0.9, 640.3),
        "Mn3": Ion("Mn", 3, 1.5, 642.0),
        "Mn4": Ion("Mn", 4, 2.1, 643.4),
        "Mn2-tetrahedral": Ion("Mn", 2, -0.5, 640.1),
        "Fe2": Ion("Fe", 2, 1.0, 708.0),
        "Fe3": Ion("Fe", 3, 1.4, 709.6),
        "Fe3-tetrahedral": Ion("Fe", 3, -0.7, 709.3),
    }
)
STEP_EV = 0.1
_STEP_HEIGHT = 0.04  # of a continuum step, of the area under the lines, per hole and eV
_FWHM_EV = 0.5


@lru_cache(maxsize=4)
def axis(element: str, channels: int = 320) -> Floats:
    """Energies around the L2,3 edge, eV, step `STEP_EV`."""
    start = {"Mn": 632.0, "Fe": 700.0}[element]
    return np.asarray(start + STEP_EV * np.arange(channels), np.float64)


@lru_cache(maxsize=32)
def reference(name: str, channels: int = 320) -> Floats:
    """Spectrum of an ion with its two continuum steps, mean over the axis 1."""
    ion = IONS[name]
    energy = axis(ion.element, channels)
    result = solve(
        {
            "element": ion.element,
            "charge": ion.charge,
            "edge": "L23",
            "crystal_field": {"ten_dq": ion.ten_dq},
            "grid": {"start": -25.0, "stop": 45.0, "step": 0.05},
            "hwhm_ev": {"l3": 0.2, "l2": 0.4},
            "fwhm_gauss_ev": _FWHM_EV,
        }
    )
    grid, lines = np.asarray(result["energy_ev"]), np.asarray(result["intensity"])
    shift = ion.l3_ev - grid[np.argmax(lines)]
    mu = np.interp(energy, grid + shift, lines, left=0, right=0)
    split = 11.0 if ion.element == "Mn" else 12.6
    height = _STEP_HEIGHT * lines.sum() * 0.05
    for place, part in ((ion.l3_ev + 3, 2 / 3), (ion.l3_ev + 3 + split, 1 / 3)):
        mu = mu + height * part * (0.5 + np.arctan((energy - place) / 0.6) / np.pi)
    return mu / mu.mean()


def references(names: tuple[str, ...], channels: int = 320) -> Floats:
    """(k, channels)."""
    return np.array([reference(name, channels) for name in names])


@dataclass(frozen=True)
class Series:
    """Spectra (n, m) and what they were made of."""

    spectra: Floats
    fractions: Floats
    references: Floats
    energy_ev: Floats
    shift_ev: Floats
    width_ev: Floats
    foreign: Floats


def make(
    n: int,
    *,
    counts: float,
    seed: int,
    names: tuple[str, ...] = ("Mn2", "Mn3", "Mn4"),
    zeros: float = 0.25,
    drift_ev: float = 0.0,
    width_ev: float = 0.0,
    background: float = 0.0,
    thickness: float = 0.0,
    foreign: str = "",
    share: float = 0.0,
    channels: int = 320,
) -> Series:
    """Poisson counts, ``counts`` a channel on average, of random fractions.

    Parameters
    ----------
    zeros : float
        Part of the spectra that lack one of the references.
    drift_ev : float
        Standard deviation of the shift.
    width_ev : float
        Gaussian σ of further broadening at most, eV.
    background : float
        A power law under the edge, relative to the mean of the signal.
    thickness : float
        Spread of ln(thickness).
    foreign, share
        An ion that is none of ``names``, and its part of the signal.
    """
    rng = np.random.default_rng(seed)
    r = references(names, channels)
    element = IONS[names[0]].element
    energy = axis(element, channels)
    k = len(names)
    fractions = rng.dirichlet(np.ones(k), n)
    without = np.flatnonzero(rng.random(n) < zeros)
    fractions[without, rng.integers(0, k, len(without))] = 0.0
    fractions /= fractions.sum(axis=1, keepdims=True)
    parts, sources = fractions * (1 - share), r
    if foreign:
        parts = np.hstack([parts, np.full((n, 1), share)])
        sources = np.vstack([r, reference(foreign, channels)])
    shift = drift_ev * rng.standard_normal(n)
    width = width_ev * rng.random(n)
    mu = np.empty((n, channels))
    wave = 2 * np.pi * np.fft.rfftfreq(3 * channels, STEP_EV)
    wide = np.fft.rfft(np.pad(sources, ((0, 0), (channels, channels)), mode="reflect"), axis=1)
    for i in range(n):
        if drift_ev or width_ev:
            moved = wide * np.exp(-0.5 * (wave * width[i]) ** 2 - 1j * wave * shift[i])
            rows = np.fft.irfft(moved, 3 * channels, axis=1)[:, channels : 2 * channels]
        else:
            rows = sources
        mu[i] = parts[i] @ rows
    mu *= np.exp(thickness * rng.standard_normal((n, 1)))
    under = (energy / energy.mean()) ** -3.0
    mu += background * under / under.mean()
    spectra = rng.poisson(counts * np.maximum(mu, 0)).astype(float)
    return Series(
        spectra, fractions, r, energy, shift, width, np.full(n, share if foreign else 0.0)
    )
