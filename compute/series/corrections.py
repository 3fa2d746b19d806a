"""What is done to the spectra of a series before anything is asked of them, step by step.

A correction takes spectra (n, m) and returns a `Corrected`: new spectra, and what was done, for the
record. Gaps are NaN throughout, and stay.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compute.errors import InputError
from compute.series.gaps import mean_of

Floats = NDArray[np.float64]

_MAD = 1.4826  # median absolute deviation of a Gaussian, in σ
_AROUND = 5  # channels of the running median
_ROWS = 256  # spectra whose neighbours are in memory at once


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


@dataclass(frozen=True)
class Spikes:
    """Which single channels are spikes, judged from some spectra of a series.

    Attributes
    ----------
    level, across : float64 (1, m)
        What each channel exceeds its neighbours by in the series, and its robust deviation.
    """

    threshold: float
    level: Floats
    across: Floats

    @classmethod
    def judged(cls, sample: ArrayLike, threshold: float = 8.0) -> Spikes:
        """From spectra (n, m); see `remove_spikes`."""
        y = checked(sample)
        if not threshold > 0:
            raise InputError("threshold", threshold, "must be positive")
        if len(y) < 5:
            return cls(threshold, np.zeros((1, y.shape[1])), np.zeros((1, y.shape[1])))
        above = y - _running_median(y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a dead channel has no median
            level = np.nan_to_num(np.nanmedian(above, axis=0, keepdims=True))
            across = _MAD * np.nanmedian(np.abs(above - level), axis=0, keepdims=True)
        return cls(threshold, level, np.nan_to_num(across))

    def of(self, spectra: ArrayLike) -> Corrected:
        """Spectra (n, m) with spikes as gaps."""
        y = checked(spectra)
        above = y - _running_median(y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a dead spectrum has no median
            along = _MAD * np.nanmedian(np.abs(above), axis=1, keepdims=True)
            least = 1e-12 * float(np.nan_to_num(np.nanmax(np.abs(y))))
        with np.errstate(invalid="ignore"):
            limit = self.threshold * np.maximum(np.maximum(along, self.across), least)
            spike = (above - self.level) > limit
        out = np.where(spike, np.nan, y)
        record = {
            "correction": "spikes", "threshold": self.threshold, "channels": int(spike.sum()),
        }  # fmt: skip
        return Corrected(out, record, {"spikes": spike.sum(axis=1).astype(float)})


def remove_spikes(spectra: ArrayLike, *, threshold: float = 8.0) -> Corrected:
    """Single channels far above their neighbours become gaps (cosmic rays, X-rays on a camera).

    A channel is a spike if it exceeds the median of five channels by ``threshold`` times the
    robust deviation of its spectrum *and* that of its channel over the series, so that a sharp
    peak, which all spectra have, is none.
    """
    return Spikes.judged(spectra, threshold).of(spectra)


@dataclass(frozen=True)
class Dead:
    """Which channels are dead, judged from some spectra of a series.

    Attributes
    ----------
    channels : bool (m,)
    """

    threshold: float
    channels: NDArray[np.bool_]

    @classmethod
    def judged(cls, sample: ArrayLike, threshold: float = 8.0) -> Dead:
        """From spectra (n, m); see `mark_dead`."""
        y = checked(sample)
        bad = np.zeros(y.shape[1], bool)
        alive = y[~_flat(y)]
        if len(alive) > 2:
            bad = _flat(alive.T)
            mean = mean_of(alive)[None]
            off = (mean - _running_median(mean))[0]
            spread = float(np.nanquantile(np.abs(off), 0.84))  # the median is 0 on a smooth curve
            # a sharp peak stands over several channels, a hot channel over one
            alone = np.abs(off) > threshold * spread if spread > 0 else np.zeros(off.size, bool)
            bad |= alone & ~(np.convolve(alone, [1, 0, 1], "same") > 0)
        return cls(threshold, bad)

    def of(self, spectra: ArrayLike) -> Corrected:
        """Spectra (n, m) with dead channels, and spectra that are constant beside them, as gaps."""
        y = checked(spectra)
        flat = _flat(y[:, ~self.channels]) | _flat(y)
        out = y.copy()
        out[flat] = np.nan
        out[:, self.channels] = np.nan
        record = {
            "correction": "dead",
            "threshold": self.threshold,
            "spectra": int(flat.sum()),
            "channels": np.flatnonzero(self.channels).tolist(),
        }
        return Corrected(out, record, {"dead": flat.astype(float)})


def mark_dead(spectra: ArrayLike, *, threshold: float = 8.0) -> Corrected:
    """Constant spectra, and channels that are constant or off in all spectra, become gaps."""
    return Dead.judged(spectra, threshold).of(spectra)


@dataclass(frozen=True)
class Drift:
    """The spectrum that others are moved onto, judged from some spectra of a series.

    Attributes
    ----------
    target : float64 (m,)
    """

    max_shift: int
    target: Floats

    @classmethod
    def judged(cls, sample: ArrayLike, max_shift: float = 20.0) -> Drift:
        """The mean of spectra (n, m), made anew from them as they are moved onto it."""
        y = checked(sample)
        if not max_shift >= 1:
            raise InputError("max_shift", max_shift, "is at least one channel")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a channel without any value
            found = _drift(y, np.nanmean(y, axis=0), int(max_shift))
            return cls(int(max_shift), np.nanmean(moved(y, found), axis=0))

    def found(self, spectra: ArrayLike) -> Floats:
        """Channels (n,) by which each spectrum lies above the target; 0 of one without a value."""
        return _drift(checked(spectra), self.target, self.max_shift)


def align(
    spectra: ArrayLike, *, shifts: ArrayLike | None = None, max_shift: float = 20.0
) -> Corrected:
    """Spectra moved back by their drift in channels, stated or found.

    Found, it is the shift of the largest cross-correlation of each spectrum's slope with that of
    the mean, refined by a parabola, the mean being made anew from the aligned spectra once. For a
    zero loss or a reference channel, find the drift of these and state it for the spectra.
    """
    y = checked(spectra)
    if shifts is None:
        found = Drift.judged(y, max_shift).found(y)
        how = "found"
    else:
        found = np.asarray(shifts, float)
        if found.shape != (len(y),) or not np.isfinite(found).all():
            raise InputError("shifts", found.shape, f"has the shape ({len(y)},), finite")
        how = "stated"
    record = {"correction": "drift", "how": how, "rms_channels": float(np.sqrt((found**2).mean()))}
    return Corrected(moved(y, found), record, {"shift": found})


def bin_channels(energy_ev: ArrayLike, spectra: ArrayLike, factor: int) -> tuple[Floats, Corrected]:
    """Sums of ``factor`` neighbouring channels and their mean energies; a rest is left out."""
    e, y = np.asarray(energy_ev, float), checked(spectra)
    if not 1 <= factor <= y.shape[1] // 2:
        raise InputError("factor", factor, f"is 1 … {y.shape[1] // 2}")
    m = y.shape[1] // factor
    cut = slice(0, m * factor)
    rows = y[:, cut].reshape(len(y), m, factor).sum(axis=2)
    energy = e[cut].reshape(m, factor).mean(axis=1)
    record = {"correction": "binning", "factor": factor, "left_out": y.shape[1] - m * factor}
    return energy, Corrected(rows, record)


def checked(spectra: ArrayLike) -> Floats:
    y = np.atleast_2d(np.asarray(spectra, float))
    if y.ndim != 2 or y.shape[1] < _AROUND or np.isinf(y).any():
        raise InputError("spectra", y.shape, f"have the shape (n, m), m >= {_AROUND}, finite")
    return y


def _flat(rows: Floats) -> NDArray[np.bool_]:
    """Rows with one value throughout."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing but gaps: no value, so not flat
        return np.asarray(np.nanmax(rows, axis=1) == np.nanmin(rows, axis=1))


def _running_median(y: Floats) -> Floats:
    half = _AROUND // 2
    out = np.empty_like(y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # five gaps have no median
        for start in range(0, len(y), _ROWS):
            wide = np.pad(y[start : start + _ROWS], ((0, 0), (half, half)), mode="edge")
            stack = [wide[:, i : i + y.shape[1]] for i in range(_AROUND)]
            out[start : start + _ROWS] = np.nanmedian(stack, axis=0)
    return out


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


def moved(y: Floats, shifts: Floats) -> Floats:
    """Rows (n, m) at ``channel + shift``, by linear interpolation; gaps beyond the ends."""
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
