"""Which curves of a set add nothing to those before them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError

FloatArray = NDArray[np.float64]


def near_duplicates(
    curves: FloatArray, distance: float, *, keep: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Curves that lie within a distance of one that stays; in order, the first stays.

    Parameters
    ----------
    curves : float64 (n, m)
        On one grid.
    distance : float
        Root mean square difference over the root mean square of the curve before, both scaled to
        equal area of squares: 0.05 is a difference of 5 %.
    keep : bool (n,), optional
        Curves that stay whatever they are.

    Returns
    -------
    bool (n,)

    Raises
    ------
    InputError
        A negative distance, curves that are not (n, m).
    """
    curves = np.asarray(curves, dtype=float)
    if curves.ndim != 2:
        raise InputError("curves", curves.shape, "must be (n, m)")
    if not distance >= 0.0:
        raise InputError("distance", distance, "must not be negative")
    norms = np.linalg.norm(curves, axis=1, keepdims=True)
    units = curves / np.where(norms > 0.0, norms, 1.0)
    left_out = np.zeros(len(units), dtype=bool)
    kept: list[int] = []
    for n, unit in enumerate(units):
        stays = keep is not None and bool(keep[n])
        if not stays and kept:
            # |a − b|² = 2 − 2 a·b of unit curves
            nearest = 2.0 - 2.0 * float((units[kept] @ unit).max())
            left_out[n] = nearest < distance**2
        if not left_out[n]:
            kept.append(n)
    return left_out
