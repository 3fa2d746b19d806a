"""The small picture of a spectrum in a list, as one stored SVG path."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

SPARK_WIDTH = 256
"""Width of the path's box, in its own integer units (drawn at half that, in px)."""
SPARK_HEIGHT = 56
"""Height of the path's box."""
SPARK_POINTS = 64

Window = tuple[float, float]

_LONG = 60  # samples a bucket
_BELOW_EV, _ABOVE_EV = 40.0, 60.0  # where the rise of a known edge may be


def sparkline_path(
    energy: ArrayLike,
    intensity: ArrayLike,
    *,
    window: Window | None = None,
    near: float | None = None,
    points: int = SPARK_POINTS,
) -> str:
    """SVG path of the curve in a ``0 0 256 56`` box, in relative whole numbers to stay short.

    Theory draws it as a line; experiment as dots, by a dash pattern on the same path.

    Parameters
    ----------
    energy : (n,)
        eV, ascending, n ≥ 2.
    intensity : (n,)
        Any unit; NaN is left out.
    window : (lo, hi), optional
        Part to show, eV; the neighbourhood of the edge in a long scan when not given.
    near : float, optional
        Where the edge should be, eV.
    points : int
        At most this many.

    Returns
    -------
    str
        Empty when fewer than two finite points fall into the window.
    """
    e = np.asarray(energy, dtype=float)
    y = np.asarray(intensity, dtype=float)
    keep = np.isfinite(e) & np.isfinite(y)
    e, y = e[keep], y[keep]
    if e.size < 2:
        return ""
    lo, hi = window or edge_window(e, y, near)
    inside = (e >= lo) & (e <= hi)
    if inside.sum() >= 2:
        e, y = e[inside], y[inside]
    kept = thin(e, y, points)
    e, y = e[kept], y[kept]
    span = float(np.ptp(y)) or 1.0
    px = np.rint((e - e[0]) / (e[-1] - e[0]) * SPARK_WIDTH).astype(int)
    py = np.rint(2 + (SPARK_HEIGHT - 4) * (1.0 - (y - y.min()) / span)).astype(int)
    steps = [f"{dx} {dy}" for dx, dy in zip(np.diff(px), np.diff(py), strict=True)]
    return f"M{px[0]} {py[0]}l" + " ".join(steps).replace(" -", "-")


def edge_window(
    energy: NDArray[np.float64], intensity: NDArray[np.float64], near: float | None = None
) -> Window:
    """What to show of a scan at first: all of a short one, −25 … +80 eV of the rise of a long one.

    The rise is the largest gain over 3 eV, which a single glitch does not win. With the energy of
    the edge given as ``near``, eV, only gains close to it count: another element's may be larger.
    """
    lo, hi = float(energy[0]), float(energy[-1])
    if hi - lo <= 130.0:
        return lo, hi
    grid = np.arange(lo, hi, 0.5)
    y = np.interp(grid, energy, intensity)
    padded = np.concatenate([np.full(3, y[0]), y, np.full(3, y[-1])])
    smooth = np.convolve(padded, np.full(7, 1 / 7), mode="valid")
    gain = smooth[6:] - smooth[:-6]
    if near is not None:
        close = (grid > near - _BELOW_EV) & (grid < near + _ABOVE_EV)
        if close[3:-3].any():
            gain = np.where(close[3:-3], gain, -np.inf)
    rise = float(grid[int(np.argmax(gain)) + 3])
    return max(lo, rise - 25.0), min(hi, rise + 80.0)


def followed(x: NDArray[np.float64], y: NDArray[np.float64], points: int) -> NDArray[np.intp]:
    """Indices of at most ``points`` samples through which lines follow a smooth curve.

    They are as dense as the root of its curvature, for which the largest distance of the lines is
    the least; a fifth is spread evenly. The highest point and both ends are always there.
    """
    n = x.size
    if n <= points or points < 8:
        return np.arange(n) if n <= points else thin(x, y, points)
    density = np.sqrt(np.abs(np.gradient(np.gradient(y, x), x)))
    density += 0.2 * density.mean() + 1e-300
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(x)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.searchsorted(along, np.linspace(0.0, along[-1], points - 2)).clip(0, n - 1)
    return np.union1d(at, [0, n - 1, int(np.argmax(y))])


def thin(x: NDArray[np.float64], y: NDArray[np.float64], points: int) -> NDArray[np.intp]:
    """Indices of at most ``points`` samples that keep the look of a curve.

    Largest triangle, three buckets (Steinarsson, University of Iceland, 2013): of each bucket the
    sample that spans the largest triangle with its kept neighbour and the next bucket's mean.
    """
    n = x.size
    if n <= points or points < 3:
        return np.arange(n)
    bounds = np.linspace(1, n - 1, points - 1).astype(int)
    kept = np.empty(points, dtype=np.intp)
    kept[0], kept[-1] = 0, n - 1
    after = bounds[1:]  # where the bucket behind each begins; the last is the end point alone
    sizes = np.diff(after, append=n)
    mean_x, mean_y = (np.add.reduceat(v, after) / sizes for v in (x, y))
    if n > _LONG * points:
        for k in range(points - 2):
            start, stop, a = bounds[k], bounds[k + 1], kept[k]
            far = (x[a] - mean_x[k]) * (y[start:stop] - y[a])
            area = np.abs(far - (x[a] - x[start:stop]) * (mean_y[k] - y[a]))
            kept[k + 1] = start + int(np.argmax(area))
        return kept
    # Of few samples a bucket, which most curves have, calls of NumPy cost more than the samples;
    # and where a bucket has one alone there is nothing to choose.
    xs, ys, starts = x.tolist(), y.tolist(), bounds.tolist()
    means = list(zip(mean_x.tolist(), mean_y.tolist(), strict=True))
    chosen = [0, *starts[:-1], n - 1]
    for k in np.flatnonzero(np.diff(bounds) > 1).tolist():
        ax, ay = xs[chosen[k]], ys[chosen[k]]
        across, up = ax - means[k][0], means[k][1] - ay
        most = -1.0
        for i in range(starts[k], starts[k + 1]):
            area_of = abs(across * (ys[i] - ay) - (ax - xs[i]) * up)
            if area_of > most:
                most, chosen[k + 1] = area_of, i
    return np.array(chosen, dtype=np.intp)
