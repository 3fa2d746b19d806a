"""What unmixing a series gives: fractions from coefficients, with errors and limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from compute.series.kernels import SCALES
from compute.series.noise import Noise

Floats = NDArray[np.float64]

_PRESENT = 3.0  # σ of the sum of all phases: below, a spectrum is empty and has no fractions


@dataclass(frozen=True)
class Linear:
    """Coefficients of n spectra as the kernels leave them.

    Attributes
    ----------
    bounded, open : float64 (n, K)
        With and without the bounds.
    covariance : float64 (n, K, K)
        Of the open ones, shift and width having been free.
    blocks : float64 (n, SCALES, 3)
        Power of the residual, its mean and variance under noise.
    moved, moved_error : float64 (n, 2)
        Shift, and variance of the broadening; NaN where they were fixed.
    """

    bounded: Floats
    open: Floats
    covariance: Floats
    blocks: Floats
    moved: Floats
    moved_error: Floats

    @classmethod
    def empty(cls, n: int, size: int) -> Self:
        return cls(
            np.full((n, size), np.nan),
            np.full((n, size), np.nan),
            np.full((n, size, size), np.nan),
            np.full((n, SCALES, 3), np.nan),
            np.full((n, 2), np.nan),
            np.full((n, 2), np.nan),
        )


@dataclass(frozen=True)
class Unmixed:
    """Fractions of k references in n spectra.

    Attributes
    ----------
    fractions, errors : float64 (n, k)
        Shares of the sum of all phases, in 0 … 1, and their standard errors. Each is estimated
        without forbidding the others to be negative, and then bounded: bounding them together
        would push what a vanishing phase may not lack onto its neighbours, half of the time.
        NaN where a spectrum is empty.
    unbounded : float64 (n, k)
        The estimates before they are bounded to 0 … 1.
    upper : float64 (n, k)
        95 % upper limits, of a fraction that cannot be negative.
    amplitudes : float64 (n, k)
        Coefficients of the references, jointly non-negative: their sum is the model, whose
        residual is judged.
    total, total_error : float64 (n,)
        Sum of all phases: thickness times exposure, in units of the references.
    residual : float64 (n,)
        χ² for a degree of freedom; 1 is noise.
    p_value : float64 (n,)
        Probability that noise alone leaves such a residual.
    none_of_these : float64 (n,)
        Probability that a spectrum holds something else than the references.
    shift, shift_error, width, width_error : float64 (n,)
        In eV with an energy axis, otherwise in channels; a negative width (Gaussian σ) is that much
        sharper than the references. NaN where they were not free.
    background : int
        How many smooth rows were fitted beside the references.
    noise : Noise
    """

    fractions: Floats
    errors: Floats
    unbounded: Floats
    upper: Floats
    amplitudes: Floats
    total: Floats
    total_error: Floats
    residual: Floats
    p_value: Floats
    none_of_these: Floats
    shift: Floats
    shift_error: Floats
    width: Floats
    width_error: Floats
    background: int
    noise: Noise


def shared(
    linear: Linear, smooth: NDArray[np.bool_], k: int, noise: Noise, p: Floats, doubt: Floats
) -> Unmixed:
    """Fractions of the sum of those of the first ``k`` rows that are not ``smooth`` (k,)."""
    counted = (~smooth).astype(float)
    a = linear.open[:, :k]
    cov = linear.covariance[:, :k, :k]
    total = a @ counted
    with_total = cov @ counted  # (n, k)
    total_var = with_total @ counted
    with np.errstate(divide="ignore", invalid="ignore"):
        f = a / total[:, None]
        var = np.einsum("nii->ni", cov) - 2 * f * with_total + f**2 * total_var[:, None]
        sigma = np.sqrt(np.maximum(var, 0.0)) / np.abs(total)[:, None]
        empty = ~(total > _PRESENT * np.sqrt(total_var))
        z = f / sigma
        upper = f + sigma * -ndtri(0.05 * ndtr(z))
        width2, width2_error = linear.moved[:, 1], linear.moved_error[:, 1]
        width = np.sign(width2) * np.sqrt(np.abs(width2))
        width_error = width2_error / np.maximum(2 * np.abs(width), np.sqrt(width2_error))
        residual = linear.blocks[:, 0, 0] / linear.blocks[:, 0, 1]
    for values in (f, sigma, upper):
        values[empty] = np.nan
    top = np.where(smooth, np.inf, 1.0)
    return Unmixed(
        fractions=np.clip(f, 0.0, top),
        errors=sigma,
        unbounded=f,
        upper=np.clip(upper, 0.0, top),
        amplitudes=linear.bounded[:, :k],
        total=total,
        total_error=np.sqrt(total_var),
        residual=residual,
        p_value=p,
        none_of_these=doubt,
        shift=linear.moved[:, 0],
        shift_error=linear.moved_error[:, 0],
        width=width,
        width_error=width_error,
        background=linear.open.shape[1] - k,
        noise=noise,
    )
