"""Smooth rows that belong to no phase: polynomials over the channels, as many as the data want."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError

Floats = NDArray[np.float64]

HIGHEST = 2
_WANTED = 4.0  # standard deviations of the pooled gain under noise alone
_FEATURELESS = 2e-3  # of a row's rms: what a cubic, or the exponential of one, may leave


def polynomials(m: int, degree: int) -> Floats:
    """Legendre rows of degrees 0 … ``degree`` over ``m`` channels, (degree + 1, m); -1 is none.

    Raises
    ------
    InputError
        A degree out of -1 … 5.
    """
    if not -1 <= degree <= 5:
        raise InputError("background", degree, "is 'auto' or a degree, -1 (none) … 5")
    x = np.linspace(-1, 1, m)
    rows = np.polynomial.legendre.legvander(x, max(degree, 0)).T[: degree + 1]
    return np.ascontiguousarray(rows, dtype=np.float64)


def wanted_degree(spectra: Floats, variances: Floats, references: Floats) -> int:
    """The highest degree up to `HIGHEST` that the spectra, all taken together, ask for.

    A row counts where it explains more than noise: its gain in χ², summed over the spectra, has the
    mean n and the standard deviation √(2n) otherwise.

    Parameters
    ----------
    spectra : float64 (n, m)
        Without gaps.
    variances : float64 (m,)
        The average over the spectra.
    references : float64 (k, m)
    """
    n, m = spectra.shape
    root = 1 / np.sqrt(variances)
    basis = np.linalg.qr((references * root).T)[0]  # (m, k)
    degree = -1
    for one in range(HIGHEST + 1):
        row = polynomials(m, one)[one] * root
        inside = row - basis @ (basis.T @ row)
        length = float(np.linalg.norm(inside))
        if length < 1e-6 * float(np.linalg.norm(row)):
            continue  # the references hold it already
        inside /= length
        gain = float((((spectra * root) @ inside) ** 2).sum())
        basis = np.column_stack([basis, inside])
        if gain - n > _WANTED * np.sqrt(2 * n):
            degree = one
    return degree


def featureless(rows: Floats) -> NDArray[np.bool_]:
    """Rows (k, m) without any structure, a constant, a line or a power law: no phase has such."""
    m = rows.shape[1]
    cubic = polynomials(m, 3).T
    found = np.zeros(len(rows), bool)
    for i, row in enumerate(rows):
        size = float(np.sqrt((row**2).mean()))
        for values, back in ((row, False), (np.log(np.maximum(row, 1e-300)), True)):
            if back and not (row > 0).all():
                continue
            smooth = cubic @ np.linalg.lstsq(cubic, values, rcond=None)[0]
            left = row - (np.exp(np.clip(smooth, None, 700)) if back else smooth)
            found[i] |= bool(np.sqrt((left**2).mean()) < _FEATURELESS * size)
    return found
