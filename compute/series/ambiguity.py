"""How far non-negativity leaves the components of a series open: the band of rotational ambiguity.

D = CS = (C T⁻¹)(T S) for every T; those are as good that leave both factors non-negative. Of each
component the band is told by the two T at which its part of the signal is least and most
(MCR-BANDS; Tauler, J. Chemometrics 15 (2001) 627).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from compute.errors import InputError

Floats = NDArray[np.float64]

_DIRECTIONS = 200  # in which extreme rows are looked for: only these can turn negative first
_CLOSE = 1e-10
_STEPS = 200


@dataclass(frozen=True)
class Band:
    """Ends of the feasible range of each component.

    Attributes
    ----------
    share : float64 (k,)
        Part of the signal, ‖c s‖ / ‖CS‖, of the components as given.
    least, most : float64 (k,)
        Of all that are as good. Equal, the component is unique.
    least_components, most_components : float64 (k, m)
        The component at either end, mean 1.
    """

    share: Floats
    least: Floats
    most: Floats
    least_components: Floats
    most_components: Floats


def ambiguity(
    amounts: ArrayLike, components: ArrayLike, *, known: int = 0, tolerance: float = 1e-3
) -> Band:
    """The band of each component of non-negative factors.

    Parameters
    ----------
    amounts : (n, k)
    components : (k, m)
        The first ``known`` of them do not turn.
    tolerance : float
        How far below 0 a factor may lie, relative to its largest value: noise of that size does
        not make a component unique.
    """
    c, s = np.asarray(amounts, float), np.atleast_2d(np.asarray(components, float))
    k = len(s)
    if c.ndim != 2 or c.shape[1] != k or not (np.isfinite(c).all() and np.isfinite(s).all()):
        raise InputError("amounts", c.shape, f"has the shape (n, {k}), finite")
    if not 0 <= known <= k:
        raise InputError("known", known, f"is a number of the {k} components")
    scale = np.maximum(s.mean(axis=1), 1e-300)
    c, s = c * scale, s / scale[:, None]
    rows, columns = c[_extreme(c)], s[:, _extreme(s.T)]
    gram_c, gram_s = c.T @ c, s @ s.T
    whole = float(np.sqrt((gram_c * gram_s).sum()))
    free = [(i, j) for i in range(known, k) for j in range(k) if i != j]

    def turn(x: Floats) -> Floats:
        t = np.eye(k)
        for value, (i, j) in zip(x, free, strict=True):
            t[i, j] = value
        return t

    def share(x: Floats, i: int) -> float:
        t = turn(x)
        back = np.linalg.inv(t)
        amount = float(back[:, i] @ gram_c @ back[:, i])
        return float(np.sqrt(max(amount * float(t[i] @ gram_s @ t[i]), 0.0))) / whole

    top_c, top_s = rows.max(axis=0), columns.max(axis=1)

    def bounds(x: Floats) -> Floats:
        t = turn(x)
        if abs(np.linalg.det(t)) < 1e-6:
            return np.full((len(rows) + columns.shape[1]) * k, -1.0)
        turned_s, turned_c = t @ columns, rows @ np.linalg.inv(t)
        return np.concatenate(
            [
                (turned_s / top_s[:, None]).ravel() + tolerance,
                (turned_c / np.maximum(top_c, 1e-300)).ravel() + tolerance,
            ]
        )

    start = np.zeros(len(free))
    now = np.array([share(start, i) for i in range(k)])
    ends = np.empty((2, k))
    shapes = np.empty((2, k, s.shape[1]))
    for i in range(k):
        for end, sign in enumerate((1.0, -1.0)):
            x = start
            if free:
                found = minimize(
                    lambda x, i=i, sign=sign: sign * share(x, i),
                    start,
                    method="SLSQP",
                    constraints=[{"type": "ineq", "fun": bounds}],
                    options={"maxiter": _STEPS, "ftol": _CLOSE},
                )
                good = bounds(found.x).min() > -1e-6 and found.fun <= sign * now[i] + 1e-9
                x = found.x if good else start
            ends[end, i] = share(x, i)
            shape = (turn(x) @ s)[i]
            shapes[end, i] = shape / shape.mean()
    return Band(now, np.minimum(ends[0], now), np.maximum(ends[1], now), shapes[0], shapes[1])


def _extreme(rows: Floats) -> NDArray[np.int64]:
    """Rows (n, k) on the edge of the cone of all: whatever turns, these turn negative first."""
    total = rows.sum(axis=1)
    inside = np.flatnonzero(total > 1e-9 * total.max())
    unit = rows[inside] / total[inside, None]
    rng = np.random.default_rng(0)
    directions = np.vstack(
        [np.eye(rows.shape[1]), rng.standard_normal((_DIRECTIONS, rows.shape[1]))]
    )
    return np.unique(inside[np.argmin(unit @ directions.T, axis=0)])
