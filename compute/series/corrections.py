"""What is done to the spectra of a series before anything is asked of them, step by step.

A correction takes spectra (n, m) and returns a `Corrected`: new spectra, and what was done, for the
record. Gaps are NaN throughout, and stay.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compute.errors import InputError

Floats = NDArray[np.float64]

_MAD = 1.4826  # median absolute deviation of a Gaussian, in σ
_AROUND = 5  # channels of the running median


@dataclass(frozen=True)
class Corrected:
    """Spectra after a correction.

    Attributes
    ----------
    spectra : float64 (n, m)
    record : dict
        Name of the correction, its parameters, and what it changed.
    per_spectrum : dict of float64 (n,)
        Numbers of each spectrum that the correction found, such as its drift.
    """

    spectra: Floats
    record: dict[str, Any]
    per_spectrum: dict[str, Floats] = field(default_factory=dict)


def remove_spikes(spectra: ArrayLike, *, threshold: float = 8.0) -> Corrected:
    """Single channels far above their neighbours become gaps (cosmic rays, X-rays on a camera).

    A channel is a spike if it exceeds the median of five channels by ``threshold`` times the
    robust deviation of its spectrum *and* that of its channel over the series, so that a sharp
    peak, which all spectra have, is none.
    """
    y = _spectra(spectra)
    if not threshold > 0:
        raise InputError("threshold", threshold, "must be positive")
    above = y - _running_median(y)
    along = _MAD * np.nanmedian(np.abs(above), axis=1, keepdims=True)
    level = np.nanmedian(above, axis=0, keepdims=True)
    across = _MAD * np.nanmedian(np.abs(above - level), axis=0, keepdims=True)
    if len(y) < 5:
        level, across = np.zeros_like(level), np.zeros_like(across)
    least = 1e-12 * float(np.nanmax(np.abs(y)))
    with np.errstate(invalid="ignore"):
        spike = (above - level) > threshold * np.maximum(np.maximum(along, across), least)
    out = np.where(spike, np.nan, y)
    record = {"correction": "spikes", "threshold": threshold, "channels": int(spike.sum())}
    return Corrected(out, record, {"spikes": spike.sum(axis=1).astype(float)})


def mark_dead(spectra: ArrayLike, *, threshold: float = 8.0) -> Corrected:
    """Constant spectra, and channels that are constant or off in all spectra, become gaps."""
    y = _spectra(spectra)
    flat = _flat(y)
    bad = np.zeros(y.shape[1], bool)
    alive = y[~flat]
    if len(alive) > 2:
        bad = _flat(alive.T)
        mean = np.nanmean(alive, axis=0)[None]
        off = (mean - _running_median(mean))[0]
        spread = float(np.nanquantile(np.abs(off), 0.84))  # the median is 0 on a smooth curve
        # a sharp peak stands over several channels, a hot channel over one
        alone = np.abs(off) > threshold * spread if spread > 0 else np.zeros(off.size, bool)
        bad |= alone & ~(np.convolve(alone, [1, 0, 1], "same") > 0)
        flat |= _flat(y[:, ~bad])
    out = y.copy()
    out[flat] = np.nan
    out[:, bad] = np.nan
    record = {
        "correction": "dead",
        "threshold": threshold,
        "spectra": int(flat.sum()),
        "channels": np.flatnonzero(bad).tolist(),
    }
    return Corrected(out, record)


def align(
    spectra: ArrayLike, *, shifts: ArrayLike | None = None, max_shift: float = 20.0
) -> Corrected:
    """Spectra moved back by their drift in channels, stated or found.

    Found, it is the shift of the largest cross-correlation of each spectrum's slope with that of
    the mean, refined by a parabola, the mean being made anew from the aligned spectra once. For a
    zero loss or a reference channel, find the drift of these and state it for the spectra.
    """
    y = _spectra(spectra)
    if shifts is None:
        if not max_shift >= 1:
            raise InputError("max_shift", max_shift, "is at least one channel")
        found = _drift(y, np.nanmean(y, axis=0), int(max_shift))
        found = _drift(y, np.nanmean(_moved(y, found), axis=0), int(max_shift))
        how = "found"
    else:
        found = np.asarray(shifts, float)
        if found.shape != (len(y),) or not np.isfinite(found).all():
            raise InputError("shifts", found.shape, f"has the shape ({len(y)},), finite")
        how = "stated"
    record = {"correction": "drift", "how": how, "rms_channels": float(np.sqrt((found**2).mean()))}
    return Corrected(_moved(y, found), record, {"shift": found})


def bin_channels(energy_ev: ArrayLike, spectra: ArrayLike, factor: int) -> tuple[Floats, Corrected]:
    """Sums of ``factor`` neighbouring channels and their mean energies; a rest is left out."""
    e, y = np.asarray(energy_ev, float), _spectra(spectra)
    if not 1 <= factor <= y.shape[1] // 2:
        raise InputError("factor", factor, f"is 1 … {y.shape[1] // 2}")
    m = y.shape[1] // factor
    cut = slice(0, m * factor)
    rows = y[:, cut].reshape(len(y), m, factor).sum(axis=2)
    energy = e[cut].reshape(m, factor).mean(axis=1)
    record = {"correction": "binning", "factor": factor, "left_out": y.shape[1] - m * factor}
    return energy, Corrected(rows, record)


def remove_power_law(
    energy_ev: ArrayLike, spectra: ArrayLike, window: tuple[float, float]
) -> Corrected:
    """``A E^-r`` fitted to a window before the edge, by spectrum, and taken off.

    Weighted least squares for counts (the variance follows the fit, so that few counts do not
    bias it as a logarithm of theirs would), two parameters by Gauss-Newton from r = 3. The
    exponent and its σ are told for each spectrum; one that does not settle is left as a gap.
    """
    e, y = np.asarray(energy_ev, float), _spectra(spectra)
    inside = (e >= window[0]) & (e <= window[1])
    if inside.sum() < 5 or not (e > 0).all():
        raise InputError("window", window, "holds at least five positive energies")
    x = np.log(e[inside] / np.exp(np.log(e[inside]).mean()))
    rows = y[:, inside]
    r = np.full(len(y), 3.0)
    height = np.nanmean(rows, axis=1)
    valid = np.isfinite(rows)
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


def _spectra(spectra: ArrayLike) -> Floats:
    y = np.atleast_2d(np.asarray(spectra, float))
    if y.ndim != 2 or y.shape[1] < _AROUND or np.isinf(y).any():
        raise InputError("spectra", y.shape, f"have the shape (n, m), m >= {_AROUND}, finite")
    return y


def _flat(rows: Floats) -> NDArray[np.bool_]:
    """Rows with one value throughout."""
    return np.asarray(np.nanmax(rows, axis=1) == np.nanmin(rows, axis=1))


def _running_median(y: Floats) -> Floats:
    half = _AROUND // 2
    wide = np.pad(y, ((0, 0), (half, half)), mode="edge")
    return np.asarray(np.nanmedian([wide[:, i : i + y.shape[1]] for i in range(_AROUND)], axis=0))


def _drift(y: Floats, mean: Floats, most: int) -> Floats:
    """Channels by which each spectrum lies above the mean one."""
    m = y.shape[1]
    size = 2 * m
    slope = np.diff(np.nan_to_num(y), axis=1)
    target = np.diff(np.nan_to_num(mean))
    product = np.fft.rfft(slope, size, axis=1) * np.conj(np.fft.rfft(target, size))
    correlation = np.fft.irfft(product, size, axis=1)
    lags = np.arange(-most, most + 1)
    near = correlation[:, lags % size]
    at = np.clip(np.argmax(near, axis=1), 1, lags.size - 2)
    index = np.arange(len(y))
    low, mid, high = (near[index, at + i] for i in (-1, 0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        part = 0.5 * (low - high) / (low - 2 * mid + high)
    part = np.where(np.isfinite(part), np.clip(part, -1, 1), 0.0)
    return np.asarray(lags[at] + part)


def _moved(y: Floats, shifts: Floats) -> Floats:
    """Rows at ``channel + shift``, by linear interpolation; gaps beyond the ends."""
    m = y.shape[1]
    at = np.arange(m) + shifts[:, None]
    low = np.floor(at).astype(int)
    part = at - low
    inside = (low >= 0) & (low + (part > 0) <= m - 1)
    low = np.clip(low, 0, m - 2)
    part = np.where(inside, at - low, 0.0)
    left = np.take_along_axis(y, low, axis=1)
    right = np.take_along_axis(y, low + 1, axis=1)
    with np.errstate(invalid="ignore"):
        values = np.where(
            part == 0, left, np.where(part == 1, right, (1 - part) * left + part * right)
        )
    return np.where(inside, values, np.nan)
