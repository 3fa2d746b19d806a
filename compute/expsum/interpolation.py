"""Local high-order interpolation of radial functions on any grid.

Each cell between neighbouring points has its own stencil and interpolates in r or in ln r,
whichever has the more even spacing there; below the first point a function goes on as
r^s times a polynomial. On smooth grids (linear, logarithmic, exponential minus one …) the error
falls like the spacing to the 20th power.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError

Array = NDArray[np.float64]

_STENCIL = 20  # points on an evenly spaced stencil
_UNEVEN_STENCIL = 12  # where spacings differ: high orders would amplify rounding
_EVEN = 2.0  # largest over smallest spacing that counts as even
_INNER = 14  # points that carry the function below the first one


class RadialInterpolant:
    """Interpolation on one grid, reused for every function on it.

    Parameters
    ----------
    r : float64 (n,)
        Strictly increasing, r[0] >= 0, bohr, at least 12 points.

    Attributes
    ----------
    r : float64 (n,)
        The points above zero.
    all_points : float64
        The grid as given.
    """

    def __init__(self, r: Array) -> None:
        self._skip = int(r[0] == 0.0)
        self.r = r[self._skip :]
        self.all_points = r

    @property
    def is_uniform(self) -> bool:
        """True if all spacings are the same to 1e-9."""
        spacing = np.diff(self.all_points)
        return bool(np.ptp(spacing) <= 1e-9 * spacing.mean())

    def on_grid(self, values: Array) -> Array:
        """Values at ``self.r`` of a function given on the grid the interpolant was made for."""
        return values[self._skip :]

    def evaluate(self, values: Array, points: Array) -> Array:
        """A function at ``points`` (any shape, 0 <= point <= r[-1])."""
        values = self.on_grid(values)
        flat = points.ravel()
        cell = np.clip(np.searchsorted(self.r, flat, side="right") - 1, 0, self.r.size - 2)
        out = np.empty(flat.size)
        for start in range(0, flat.size, 4096):  # keeps the work in the cache
            part = slice(start, start + 4096)
            out[part] = self._between(values, flat[part], cell[part])
        below = flat < self.r[0]
        if below.any():
            out[below] = self._below(values, flat[below])
        return out.reshape(points.shape)

    def leading_power(self, values: Array) -> int:
        """s of ``f ~ r^s`` at the origin, from the first points; 1 where they do not tell."""
        chosen = self._first_points[:6]  # few, to stay clear of nodes
        r, f = self.r[chosen], self.on_grid(values)[chosen]
        if not (np.all(f > 0.0) or np.all(f < 0.0)):
            return 1
        x = r / r[-1]
        model = np.stack([np.ones_like(x), np.log(x), x, x**2, x**3], axis=1)
        slope = np.linalg.lstsq(model, np.log(np.abs(f)), rcond=None)[0][1]
        return max(0, int(np.floor(slope + 0.1)))

    @cached_property
    def _first_points(self) -> NDArray[np.intp]:
        """About evenly spaced points that start with the first, to extrapolate to the origin."""
        r = self.r
        step = max(0.4 * r[0], r[1] - r[0])
        wanted = r[0] + step * np.arange(_INNER)
        index = np.unique(np.abs(r[:, None] - wanted).argmin(axis=0))
        return index if index.size >= 5 else np.arange(8)

    def _below(self, values: Array, points: Array) -> Array:
        chosen = self._first_points
        power = self.leading_power(np.concatenate([np.zeros(self._skip), values]))
        nodes = self.r[chosen]
        return points**power * _lagrange(nodes, values[chosen] / nodes**power, points)

    def _between(self, values: Array, points: Array, cell: NDArray[np.intp]) -> Array:
        """Barycentric interpolation, a stencil for each point."""
        out = np.empty(points.size)
        width = self._widths[cell]
        for size in np.unique(width):
            for logarithmic in (False, True):
                here = (width == size) & (self._logarithmic[cell] == logarithmic)
                if not here.any():
                    continue
                first = np.clip(cell[here] - size // 2 + 1, 0, self.r.size - size)
                index = first[:, None] + np.arange(size)
                nodes = self.r[index]
                x = points[here, None]
                if logarithmic:
                    nodes, x = np.log(nodes), np.log(np.maximum(x, self.r[0]))
                scale = (nodes[:, -1:] - nodes[:, :1]) / 4.0  # keeps products near one
                distance = (nodes[:, :, None] - nodes[:, None, :]) / scale[:, :, None]
                distance[:, np.arange(size), np.arange(size)] = 1.0
                weight = 1.0 / distance.prod(axis=2)
                gap = (x - nodes) / scale
                hit = gap == 0.0
                gap[hit] = 1.0
                weight = np.where(hit.any(axis=1)[:, None], hit.astype(float), weight / gap)
                out[here] = (weight * values[index]).sum(axis=1) / weight.sum(axis=1)
        return out

    @cached_property
    def _stencils(self) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        n = self.r.size
        size = min(_STENCIL, n)
        ratios = []
        for variable in (self.r, np.log(self.r)):
            windows = np.lib.stride_tricks.sliding_window_view(np.diff(variable), size - 1)
            ratios.append(windows.max(axis=1) / windows.min(axis=1))
        first = np.clip(np.arange(n - 1) - size // 2 + 1, 0, n - size)
        linear, logarithmic = (ratio[first] for ratio in ratios)
        even = np.minimum(linear, logarithmic) <= _EVEN
        return np.where(even, size, min(_UNEVEN_STENCIL, n)), logarithmic < linear

    @property
    def _widths(self) -> NDArray[np.intp]:
        return self._stencils[0]

    @property
    def _logarithmic(self) -> NDArray[np.bool_]:
        return self._stencils[1]


def checked_grid(r: object, functions: dict[str, object]) -> tuple[Array, dict[str, Array]]:
    """Grid and functions as float64 vectors, or an InputError that names what is wrong."""
    grid = np.asarray(r, dtype=np.float64)
    if grid.ndim != 1 or grid.size < 12:
        raise InputError("r", grid.shape, "need a vector of at least 12 points")
    if not np.isfinite(grid).all() or grid[0] < 0.0 or not np.all(np.diff(grid) > 0.0):
        raise InputError("r", grid, "must increase strictly from zero or above")
    arrays = {}
    for name, values in functions.items():
        array = np.asarray(values, dtype=np.float64)
        if array.shape != grid.shape:
            raise InputError(name, array.shape, f"must have the grid's shape {grid.shape}")
        if not np.isfinite(array).all():
            raise InputError(name, array, "must be finite")
        arrays[name] = array
    return grid, arrays


def _lagrange(nodes: Array, values: Array, points: Array) -> Array:
    """The polynomial through (nodes, values) at points, none of which is a node."""
    difference = nodes[:, None] - nodes
    np.fill_diagonal(difference, nodes[-1] - nodes[0])
    weight = 1.0 / (difference / (nodes[-1] - nodes[0])).prod(axis=1)
    ratio = weight / (points[:, None] - nodes)
    return np.asarray((ratio @ values) / ratio.sum(axis=1))
