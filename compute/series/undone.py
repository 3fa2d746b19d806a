"""What a detector and a sample do to spectra, undone: background, dead time, I0, scattering, depth.

Each takes spectra (n, m), gaps NaN, and returns a `Corrected` with its record.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compute.errors import InputError
from compute.series.corrections import Corrected, checked

Floats = NDArray[np.float64]

_EVEN = 1e-3  # of a step: energies that Fourier transforms take for even
_FWHM = 2 * np.sqrt(2 * np.log(2))  # of a Gaussian, in sigma


def remove_power_law(
    energy_ev: ArrayLike, spectra: ArrayLike, window: tuple[float, float]
) -> Corrected:
    """``A E^-r`` fitted to a window before the edge, by spectrum, and taken off.

    Weighted least squares for counts (the variance follows the fit, so that few counts do not
    bias it as a logarithm of theirs would), two parameters by Gauss-Newton from r = 3. The
    exponent and its σ are told for each spectrum; one that does not settle is left as a gap.
    """
    e, y = np.asarray(energy_ev, float), checked(spectra)
    if not window[0] < window[1]:
        raise InputError("window", window, "is two energies, the lower one first")
    inside = (e >= window[0]) & (e <= window[1])
    if inside.sum() < 5 or not (e > 0).all():
        raise InputError("window", window, "holds at least five positive energies")
    x = np.log(e[inside] / np.exp(np.log(e[inside]).mean()))
    rows = y[:, inside]
    r = np.full(len(y), 3.0)
    valid = np.isfinite(rows)
    with np.errstate(invalid="ignore"):
        height = np.where(valid, rows, 0.0).sum(axis=1) / valid.sum(axis=1)
    cov = np.full((len(y), 2, 2), np.nan)
    alive = (height > 0) & (valid.sum(axis=1) >= 5)
    for _ in range(30):
        shape = np.exp(-r[:, None] * x)
        model = height[:, None] * shape
        weight = np.where(valid, 1 / np.maximum(np.abs(model), 1e-12), 0.0)
        d0, d1 = shape, -model * x
        left = np.where(valid, rows - model, 0.0)
        g00, g01, g11 = ((weight * a * b).sum(axis=1) for a, b in ((d0, d0), (d0, d1), (d1, d1)))
        b0, b1 = (weight * d0 * left).sum(axis=1), (weight * d1 * left).sum(axis=1)
        det = g00 * g11 - g01**2
        with np.errstate(divide="ignore", invalid="ignore"):
            step0, step1 = (g11 * b0 - g01 * b1) / det, (g00 * b1 - g01 * b0) / det
            cov[:, 1, 1] = g00 / det
        height = np.where(alive, height + step0, height)
        r = np.where(alive, r + np.clip(step1, -1, 1), r)
        alive &= np.isfinite(r) & (height > 0) & (np.abs(r) < 50)
        if not alive.any() or np.abs(step1[alive]).max() < 1e-8:
            break
    far = np.log(e / np.exp(np.log(e[inside]).mean()))
    out = y - np.where(alive, height, np.nan)[:, None] * np.exp(-r[:, None] * far)
    # the weights are those of counts: the scatter about the fit scales the error
    with np.errstate(divide="ignore", invalid="ignore"):
        chi2 = (weight * left**2).sum(axis=1) / (valid.sum(axis=1) - 2)
        error = np.sqrt(cov[:, 1, 1] * chi2)
    record = {
        "correction": "power law",
        "window_ev": list(window),
        "not_settled": int((~alive).sum()),
    }
    told = {
        "exponent": np.where(alive, r, np.nan),
        "exponent_error": np.where(alive, error, np.nan),
    }
    return Corrected(out, record, told)


def undo_dead_time(spectra: ArrayLike, dead_s: float, live_s: float) -> Corrected:
    """Counts that a detector missed while it was busy, put back: y / (1 - y τ / T).

    Parameters
    ----------
    dead_s, live_s : float
        τ after each event (non-extended; Knoll, Radiation Detection and Measurement, 4th ed.
        (2010), eq. 4.23), and T of measurement for each channel.

    Channels whose events alone would fill the time become gaps.
    """
    y = checked(spectra)
    if not 0 < dead_s < live_s < np.inf:
        raise InputError("dead_time", (dead_s, live_s), "are two times, s, the shorter one first")
    left = 1 - y * (dead_s / live_s)
    out = np.where(left > 0, y / np.where(left > 0, left, 1.0), np.nan)
    record = {"correction": "dead time", "dead_s": dead_s, "live_s": live_s}
    return Corrected(out, record, {"saturated": (left <= 0).sum(axis=1).astype(float)})


def over_i0(spectra: ArrayLike, i0: ArrayLike) -> Corrected:
    """Spectra over the monitor's signal (n, m), in units of its mean; gaps where it is not > 0."""
    y, monitor = checked(spectra), np.asarray(i0, float)
    if monitor.shape != y.shape:
        raise InputError("i0", monitor.shape, f"has the shape {y.shape}")
    good = monitor > 0
    out = np.where(good, y / np.where(good, monitor, 1.0), np.nan)
    return Corrected(out, {"correction": "i0"}, {"no_i0": (~good).sum(axis=1).astype(float)})


def undo_plural_scattering(
    energy_ev: ArrayLike, spectra: ArrayLike, low_ev: ArrayLike, low: ArrayLike
) -> Corrected:
    """Single scattering from core losses and the low loss of the same place, by Fourier ratio.

    ``z(ν) j(ν) / l(ν)`` (Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope,
    3rd ed. (2011), sect. 4.3.2), z a Gaussian of the width and area of the zero loss, so that noise
    stays below the resolution. The background before the edge has to be off; beyond the end the
    spectra run out smoothly to 0. Channels share noise afterwards.

    Parameters
    ----------
    low_ev, low : (l,)
        Low loss, its zero loss in the range.
    """
    e, y = np.asarray(energy_ev, float), checked(spectra)
    step = even_step(e)
    zero_ev, area, sigma, curve = _low_loss(np.asarray(low_ev, float), np.asarray(low, float), step)
    m = e.size
    size = 4 * max(m, curve.size)
    rolled = np.zeros(size)
    at = np.arange(curve.size) - zero_ev
    rolled[at % size] = curve
    frequency = np.fft.rfftfreq(size, step)
    gauss = area * np.exp(-2 * (np.pi * frequency * sigma) ** 2)
    ratio = gauss / np.fft.rfft(rolled)
    gaps = np.isnan(y)
    filled = np.zeros((len(y), size))
    for i, row in enumerate(y):
        there = ~gaps[i]
        if there.any():
            filled[i, :m] = np.interp(np.arange(m), np.flatnonzero(there), row[there])
    tail = 0.5 * (1 + np.cos(np.pi * np.arange(m) / m))
    filled[:, m : 2 * m] = filled[:, m - 1 : m] * tail
    out = np.fft.irfft(np.fft.rfft(filled, axis=1) * ratio, size, axis=1)[:, :m]
    record = {
        "correction": "plural scattering",
        "zero_loss_fwhm_ev": float(_FWHM * sigma),
        "thickness": float(np.log(curve.sum() / area)),
    }
    return Corrected(np.where(gaps, np.nan, out), record)


def undo_over_absorption(spectra: ArrayLike, alpha: float) -> Corrected:
    """Absorption from the fluorescence of a thick sample, normalised to 1 behind the edge.

    The signal is x (1 + α) / (x + α) (Tröger et al., Phys. Rev. B 46 (1992) 3283, eq. 3), α being
    what else absorbs, the way out included, over the edge step (`compute.series.absorption`).
    Values beyond the largest possible signal, 1 + α, become gaps.
    """
    y = checked(spectra)
    if not 0 < alpha < np.inf:
        raise InputError("alpha", alpha, "is positive")
    left = 1 + alpha - y
    out = np.where(left > 0, y * alpha / np.where(left > 0, left, 1.0), np.nan)
    record = {"correction": "over-absorption", "alpha": alpha}
    return Corrected(out, record, {"beyond": (left <= 0).sum(axis=1).astype(float)})


def even_step(energy_ev: Floats) -> float:
    """The step of even energies, eV.

    Raises
    ------
    InputError
        If steps differ.
    """
    steps = np.diff(energy_ev)
    if np.ptp(steps) > _EVEN * steps.mean():
        raise InputError("energy_ev", float(np.ptp(steps)), "are uneven steps")
    return float(steps.mean())


def _low_loss(energy: Floats, values: Floats, step: float) -> tuple[int, float, float, Floats]:
    """Channel of the zero loss, its area and σ (eV), and the curve at this step."""
    if energy.shape != values.shape or not np.isfinite(values).all():
        raise InputError("low_loss", values.shape, "is one spectrum without gaps")
    grid = np.arange(energy[0], energy[-1] + step / 2, step)
    curve = np.interp(grid, energy, values)
    top = int(np.argmax(curve))
    # the left half is zero loss alone: inelastic electrons lie on the right
    left = np.flatnonzero(curve[: top + 1] < curve[top] / 2)
    if top < 2 or left.size == 0:
        raise InputError("low_loss", float(grid[0]), "begins behind its zero loss")
    at = left[-1]
    half = top - (at + (curve[top] / 2 - curve[at]) / (curve[at + 1] - curve[at]))
    sigma = float(2 * half * step / _FWHM)
    area = float(2 * curve[:top].sum() + curve[top])
    return top, area, sigma, curve
