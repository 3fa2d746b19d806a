"""References that shift and broaden from spectrum to spectrum."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import dct, idct
from scipy.ndimage import spline_filter1d

from compute.errors import InputError
from compute.series.moving_kernels import moving_batch
from compute.series.noise import Noise
from compute.series.parallel import over_rows
from compute.series.unmixed import Linear

Floats = NDArray[np.float64]

NODES = 33  # of the broadening, evenly in σ
SHIFT_OF_AXIS = 0.03  # default bounds, of the number of channels
WIDTH_OF_AXIS = 0.01
_SHARPER = 1.2  # by how much sharpening may raise the slopes of a reference: noise would rise first
_UNEVEN = 1e-3  # of a step: uniform energies differ by that much from rounding
_SPARE = 4  # channels that the taps of a spline reach


@dataclass(frozen=True)
class Bank:
    """Spline coefficients of the references at several broadenings, and how these change.

    Attributes
    ----------
    nodes : float64 (J,)
        Variances of the broadening, channels²; the first may be negative (sharper).
    values, slopes : float64 (J, k, m + 2 pad)
        Cubic B-spline coefficients on the channels, and their derivatives by the variance.
    extra : float64 (b, m)
        Rows that stay where they are.
    max_shift : float
        Channels; 0 where the shift is fixed.
    step : float
        eV, or 1.
    starts : float64 (s,)
        Shifts to start from: as close as half a feature.
    """

    nodes: Floats
    values: Floats
    slopes: Floats
    extra: Floats
    max_shift: float
    step: float
    starts: Floats
    pad: int

    @classmethod
    def of(
        cls,
        references: Floats,
        extra: Floats,
        energy_ev: ArrayLike | None,
        free: Collection[str],
        max_shift: float | None,
        max_width: float | None,
    ) -> Self:
        """Of references (k, m); bounds are in eV with an energy axis, otherwise in channels."""
        m = references.shape[1]
        step = _step(energy_ev, m)
        shift = _bound("max_shift", max_shift, step, SHIFT_OF_AXIS * m) if "shift" in free else 0.0
        width = _bound("max_width", max_width, step, WIDTH_OF_AXIS * m) if "width" in free else 0.0
        if shift > m / 4:
            raise InputError("max_shift", max_shift, "leaves less than half of the axis to compare")
        pad = int(np.ceil(shift)) + _SPARE
        wide = np.pad(references, ((0, 0), (pad + int(6 * width) + 8,) * 2), mode="edge")
        spectrum = dct(wide, axis=1, norm="ortho")
        wave = np.pi * np.arange(wide.shape[1]) / wide.shape[1]
        nodes = np.zeros(1)
        if width:
            low = _sharpest(spectrum, wave, width**2)
            nodes = low + (width**2 - low) * (np.arange(NODES) / (NODES - 1)) ** 2
        cut = slice(int(6 * width) + 8, wide.shape[1] - int(6 * width) - 8)

        def splines(filtered: Floats) -> Floats:
            rows = idct(filtered, axis=1, norm="ortho")
            return np.asarray(spline_filter1d(rows, 3, axis=1, mode="mirror")[:, cut])

        damped = [spectrum * np.exp(-0.5 * v * wave**2) for v in nodes]
        return cls(
            nodes,
            np.ascontiguousarray([splines(one) for one in damped]),
            np.ascontiguousarray([splines(-0.5 * wave**2 * one) for one in damped]),
            extra,
            shift,
            step,
            _starts(references, shift),
            pad,
        )


def fit_moving(spectra: Floats, bank: Bank, noise: Noise) -> Linear:
    """Coefficients, shift and broadening of each spectrum (n, m), by variable projection."""
    n, m = spectra.shape
    margin = int(np.ceil(bank.max_shift))
    inside = slice(margin, m - margin)
    y = np.ascontiguousarray(spectra[:, inside])
    whole = np.isfinite(y)
    masks = np.ones((1, y.shape[1])) if whole.all() else whole.astype(float)
    y = y if whole.all() else np.where(whole, y, 0.0)
    if noise.variances is None:
        variances = np.ones((1, y.shape[1]))
    else:
        variances = np.ascontiguousarray(noise.variances[:, inside])
    extra = np.ascontiguousarray(bank.extra[:, inside])
    k = bank.values.shape[1]
    out = Linear.empty(n, k + len(extra))

    def part(rows: slice) -> None:
        moving_batch(
            y[rows],
            masks if len(masks) == 1 else masks[rows],
            variances if len(variances) == 1 else variances[rows],
            bank.nodes, bank.values, bank.slopes, extra,
            bank.pad + margin, bank.max_shift, bank.starts, noise.constant, noise.gain,
            out.bounded[rows], out.open[rows], out.covariance[rows], out.blocks[rows],
            out.moved[rows], out.moved_error[rows],
        )  # fmt: skip

    over_rows(part, n, part=64)
    out.moved[:] *= (bank.step, bank.step**2)
    out.moved_error[:] *= (bank.step, bank.step**2)
    return out


def _step(energy_ev: ArrayLike | None, m: int) -> float:
    if energy_ev is None:
        return 1.0
    energy = np.asarray(energy_ev, float)
    if energy.shape != (m,):
        raise InputError("energy_ev", energy.shape, f"must have the shape ({m},)")
    steps = np.diff(energy)
    step = float(steps.mean())
    if not (np.isfinite(steps).all() and step > 0):
        raise InputError("energy_ev", step, "has to rise")
    if np.abs(steps - step).max() > _UNEVEN * step:
        raise InputError(
            "energy_ev",
            float(np.abs(steps - step).max()),
            "has to be uniform where shifts are free",
        )
    return step


def _bound(name: str, stated: float | None, step: float, usual: float) -> float:
    if stated is None:
        return usual
    if not stated > 0:
        raise InputError(name, stated, "must be positive")
    return stated / step


def _sharpest(spectrum: Floats, wave: Floats, most: float) -> float:
    """The most negative variance that does not raise the references' slopes beyond `_SHARPER`."""
    power = (spectrum * wave) ** 2
    total = power.sum(axis=1)
    tried = -most * np.linspace(1, 0, 200) ** 2
    for v in tried:
        raised = (power * np.exp(np.minimum(-v * wave**2, 700))).sum(axis=1)
        if (raised <= _SHARPER**2 * total).all():
            return float(v)
    return 0.0


def _starts(references: Floats, shift: float) -> Floats:
    """Shifts that are closer to each other than half the width of the sharpest feature."""
    if shift == 0:
        return np.zeros(1)
    slope = np.diff(references, axis=1)
    curve = np.diff(slope, axis=1)
    # rms of slope over that of curvature: a length, 0.8 σ of a Gaussian peak
    length = float(
        np.sqrt((slope**2).sum(axis=1) / np.maximum((curve**2).sum(axis=1), 1e-300)).min()
    )
    count = min(2 * int(np.ceil(shift / max(length, 0.5))) + 1, 121)
    return np.linspace(-shift, shift, count)
