"""How large the noise of a series is: stated, counted, or estimated from the data themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

from compute.errors import InputError
from compute.threads import single_blas

Floats = NDArray[np.float64]
Stated = Literal["poisson", "gaussian"] | ArrayLike | None

_BINS = 24
_SHARED = 32  # spectra: fewer tell what they share from noise no more
_COMMON = 8  # shapes at most
_EDGE = 1.1  # of the largest power of noise alone (Marchenko & Pastur)
_ROUNDS = 3
_DARK = 0.02  # of the mean variance: darker channels tell nothing of the gain
_DIFFERENCE = np.array([1.0, -4.0, 6.0, -4.0, 1.0]) / np.sqrt(70)
_RELATIVE = 2 * 2.6265  # variance of the estimate by such differences, times their number
_COUNTS = (0.9, 1.1)  # a gain that close to 1 is that of counted events
_LEAST = 1e-12  # of the largest square: exact data have no noise, but weights have to be finite


@dataclass(frozen=True)
class Noise:
    """Variance of the values: ``variances``, or ``constant + gain μ`` of the expected value μ.

    Attributes
    ----------
    kind : str
        ``stated``, ``poisson``, ``gaussian``, or ``mixed`` (a constant and counts).
    constant, gain : float
        The gain is 0 unless the variance follows the signal; 1 for counts.
    variances : float64 (1, m) or (n, m), or None
        Where the variance does not follow the signal.
    relative_error : float
        Relative standard error of the variance; 0 where it is stated.
    """

    kind: str
    constant: float
    gain: float
    variances: Floats | None = None
    relative_error: float = 0.0


def noise_of(spectra: Floats, stated: Stated, design: Floats) -> Noise:
    """The noise as stated, or as the data show it.

    Parameters
    ----------
    spectra : float64 (n, m)
        NaN where there is no value.
    stated
        ``"poisson"``, ``"gaussian"`` (the same at every channel, estimated), σ as a number, (m,) or
        (n, m), or None: estimated, as a constant plus a part in proportion to the signal.
    design : float64 (K, m)
        Rows whose combinations follow the spectra; only what changes from channel to channel
        quicker than their residual counts as noise.

    Raises
    ------
    InputError
        σ that are not positive or do not fit.
    """
    if isinstance(stated, str):
        if stated == "poisson":
            if np.nanmin(spectra) < 0:
                raise InputError("spectra", float(np.nanmin(spectra)), "counts are not negative")
            return Noise("poisson", 0.0, 1.0)
        if stated != "gaussian":
            raise InputError("noise", stated, "is 'poisson', 'gaussian', σ or nothing")
        return _estimated(spectra, design, constant=True)
    if stated is None:
        return _estimated(spectra, design, constant=False)
    sigma: NDArray[Any] = np.asarray(stated, float)
    if not (np.isfinite(sigma).all() and (sigma > 0).all()):
        raise InputError("noise", float(np.min(sigma)), "σ must be positive")
    n, m = spectra.shape
    if sigma.ndim == 2 and sigma.shape == (n, 1) and n > 1:
        sigma = np.broadcast_to(sigma, (n, m))
    if sigma.shape not in ((), (1,), (m,), (1, m), (n, m)):
        raise InputError("noise", sigma.shape, f"σ has the shape (), ({m},) or ({n}, {m})")
    wide = np.broadcast_to(np.atleast_2d(sigma), (n if sigma.shape == (n, m) else 1, m))
    return Noise("stated", 0.0, 0.0, np.ascontiguousarray(wide**2))


@single_blas()
def _estimated(spectra: Floats, design: Floats, *, constant: bool) -> Noise:
    """By fourth differences of the residual, of neighbouring channels of the same spectrum."""
    m = spectra.shape[1]
    if m < 12:
        raise InputError("noise", None, f"cannot be estimated from {m} channels: state σ")
    if not np.nan_to_num(spectra).any():
        raise InputError("noise", None, "cannot be estimated: every value is 0 or a gap")
    least = _LEAST * float(np.nanmax(np.abs(spectra))) ** 2 + 1e-300
    sigma = np.ones(spectra.shape)
    for turn in range(_ROUNDS):
        level, residual = _followed(spectra, design, np.sqrt((sigma**2).mean(axis=0)))
        rest, left = _without_common(residual / sigma) if turn else (residual, 1.0)
        square = _along(rest * sigma if turn else rest, _DIFFERENCE) ** 2 / left
        valid = np.isfinite(square)
        if valid.sum() < 8:
            raise InputError("noise", None, "too few values to estimate it from: state σ")
        flat = max(float(square[valid].mean()), least)
        constant = constant or float(np.nanmin(spectra)) < -5 * np.sqrt(flat)
        base, gain = flat, 0.0
        if not constant:
            base, gain = _line(_along(level, _DIFFERENCE**2)[valid], square[valid])
        sigma = np.sqrt(np.maximum(base + gain * np.nan_to_num(level), _DARK * flat))
    relative = float(np.sqrt(_RELATIVE / valid.sum()))
    if constant:
        return Noise("gaussian", 0.0, 0.0, np.full((1, m), flat), relative)
    counted = _whole(spectra)
    if counted and _COUNTS[0] < gain + base / max(float(np.nanmean(level)), 1e-300) < _COUNTS[1]:
        return Noise("poisson", 0.0, 1.0)
    if gain * float(np.nanmean(np.abs(level))) < 0.02 * flat:
        return Noise("gaussian", 0.0, 0.0, np.full((1, m), flat), relative)
    return Noise("mixed", base, gain, None, relative)


def _along(rows: Floats, weights: Floats) -> Floats:
    """Weighted sums of neighbouring channels, (n, m) -> (n, m - 4)."""
    m = rows.shape[1] - len(weights) + 1
    return np.asarray(sum(weight * rows[:, i : i + m] for i, weight in enumerate(weights)))


def _followed(spectra: Floats, design: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """What combinations of the design make of the spectra, weighted by σ (m,), and what is left."""
    whole = np.isfinite(spectra)
    filled = np.where(whole, spectra, 0.0)
    if whole.all():
        fit = np.linalg.lstsq((design / sigma).T, (filled / sigma).T, rcond=None)[0].T @ design
    else:
        fit = np.empty_like(filled)
        for i, mask in enumerate(whole):
            rows = (design[:, mask] / sigma[mask]).T
            c = np.linalg.lstsq(rows, filled[i, mask] / sigma[mask], rcond=None)[0]
            fit[i] = c @ design
    return fit, np.where(whole, spectra - fit, np.nan)


def _line(level: Floats, square: Floats) -> tuple[float, float]:
    """Constant and gain, neither negative, from squares against levels; squares vary by themselves.

    Bins of equal numbers of values; three rounds, since the weight of a bin is its own variance.
    """
    order = np.argsort(level)
    bins = np.array_split(order, min(_BINS, max(2, order.size // 32)))
    x = np.array([level[one].mean() for one in bins])
    y = np.array([square[one].mean() for one in bins])
    x = np.maximum(x, 0.0)
    scale = np.sqrt([len(one) for one in bins])
    expected = np.full(x.size, y.mean())
    base = gain = 0.0
    for _ in range(4):
        weight = scale / np.maximum(expected, _DARK * y.mean())
        rows = np.stack([weight, weight * x], axis=1)
        (base, gain), _ = nnls(rows, weight * y)
        expected = base + gain * x
    return float(base), float(gain)


def _without_common(residual: Floats) -> tuple[Floats, float]:
    """A residual of unit noise without what its rows share beyond, and the part of noise left.

    Drift, or something that the references lack, has few shapes; noise has all.
    """
    n, m = residual.shape
    if n < _SHARED or not np.isfinite(residual).all():
        return residual, 1.0
    power, shapes = np.linalg.eigh(residual @ residual.T)
    common = int((power[-_COMMON:] > _EDGE * (np.sqrt(n) + np.sqrt(m)) ** 2).sum())
    rows = shapes[:, n - common :]
    return residual - rows @ (rows.T @ residual), (1 - common / n) * (1 - common / m)


def _whole(spectra: Floats) -> bool:
    """Whether the values are whole numbers, as counts are."""
    finite = spectra[np.isfinite(spectra)]
    return bool((finite >= 0).all() and (finite == np.round(finite)).all() and finite.max() > 1)
