"""One comparison grid for a library, and any measured curve brought onto it.

Every spectrum is read as a polyline and convolved exactly with a Gaussian of the grid's
resolution; the grid's step is 1.5 of its sigma, so nothing that survives the smoothing is lost,
positions between the samples of an undersampled peak do no harm, and rows are short.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import erfc, exp
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from compute.errors import InputError
from compute.jit import njit

Array = NDArray[np.float64]

MIN_POINTS = 8  # scale, line, shift and two widths leave a misfit to judge; convention
STEP_PER_SIGMA = 1.5  # Nyquist then lies at exp(-2.2) of the smoothing's transfer function
MAX_COLUMNS = 600  # bounds memory and time: twice the 300 energies that libraries have
FINEST_SIGMA_EV = 0.15  # below the life-time width of any edge matched here
_TABLE_PER_STEP = 8  # twelve a sigma: a four-point cubic then errs by less than 1e-4 of a peak
_FLAT = 1e-4  # off a straight line, of the spread: rounding in the file, no signal
_MAX_RAW_POINTS = 3000  # bounds the time to smooth; denser curves are averaged first
_SQRT_2PI = float(np.sqrt(2.0 * np.pi))
_SQRT_2 = float(np.sqrt(2.0))
_REACH = 7.0  # sigma beyond which a smoothed ramp is straight to 1e-13 of its height there


class Axis(NamedTuple):
    """Energies of a comparison grid: start and step, eV, and how many."""

    start_ev: float
    step_ev: float
    size: int


class Table(NamedTuple):
    """A `Curve`: its smoothed table (t,), where that starts, its step, and what it covers."""

    values: Array
    start_ev: float
    step_ev: float
    low_ev: float
    high_ev: float


# Of a query: the share of its points at each end, from which its step is known (1 / that many);
# shares of its height below which a step is none, and what is beside it; rounds to
# self-consistency.
_ENDS, _STEP, _BESIDE, _ROUNDS = 20, 0.03, 0.3, 6


@dataclass(frozen=True)
class ComparisonGrid:
    """Uniform energies ``start_ev + step_ev * arange(size)``, resolution ``sigma_ev``."""

    start_ev: float
    step_ev: float
    size: int
    sigma_ev: float

    @cached_property
    def energy_ev(self) -> Array:
        """Energies (size,), eV; read only."""
        energy: Array = self.start_ev + self.step_ev * np.arange(self.size, dtype=np.float64)
        energy.flags.writeable = False
        return energy

    @property
    def axis(self) -> Axis:
        """For compiled loops."""
        return Axis(self.start_ev, self.step_ev, self.size)

    @property
    def stop_ev(self) -> float:
        """Last energy, eV."""
        return self.start_ev + self.step_ev * (self.size - 1)

    @classmethod
    def covering(cls, energy_ev: Array) -> ComparisonGrid:
        """The grid for curves sampled at ``energy_ev`` (n,), ascending, eV."""
        span = float(energy_ev[-1] - energy_ev[0])
        spacing = float(np.median(np.diff(energy_ev)))
        sigma = max(1.2 * spacing, FINEST_SIGMA_EV, span / (STEP_PER_SIGMA * MAX_COLUMNS))
        sigma = min(sigma, span / (STEP_PER_SIGMA * MIN_POINTS))
        size = int(span / (STEP_PER_SIGMA * sigma)) + 1
        return cls(float(energy_ev[0]), span / (size - 1), size, sigma)


class Curve:
    """A query on its own grid, readable at any energy at the comparison resolution.

    Attributes
    ----------
    low_ev, high_ev : float
        Range, eV.
    height : float
        Largest minus smallest intensity.
    n : int
        Points.
    noise : float
        Standard deviation of one raw point, in the query's units.
    unrelated_log_density : float
        Log-density of one smoothed point under "some other spectrum".
    correlation : float64 (size,)
        Covariance of the smoothed noise at 0, 1, 2 … grid steps, for a raw noise of 1.
    """

    def __init__(self, energy_ev: Array, intensity: Array, grid: ComparisonGrid) -> None:
        self._raw = energy_ev, intensity, grid
        self.n = energy_ev.size
        self.low_ev, self.high_ev = float(energy_ev[0]), float(energy_ev[-1])
        self.height = float(np.ptp(intensity))
        self.noise = noise_level(intensity)
        spacing = (self.high_ev - self.low_ev) / (energy_ev.size - 1)
        lag = grid.step_ev * np.arange(grid.size)
        # White noise through a Gaussian: variance spacing / (2 sqrt(pi) sigma).
        self.correlation = min(1.0, spacing / (2.0 * np.sqrt(np.pi) * grid.sigma_ev)) * np.exp(
            -(lag**2) / (4.0 * grid.sigma_ev**2)
        )
        self._step = grid.step_ev / _TABLE_PER_STEP
        pad = 2.0 * grid.step_ev
        self._start = self.low_ev - pad
        count = int((self.high_ev + pad - self._start) / self._step) + 2
        position = self._start + self._step * np.arange(count, dtype=np.float64)
        self._table = smooth(energy_ev, intensity, position, grid.sigma_ev)
        # A Gaussian field of the query's own variance whose neighbours at the grid's step are
        # correlated by 0.6: what a spectrum of no relation costs for each energy compared.
        self.unrelated_log_density = -0.5 * (
            np.log(2.0 * np.pi * max(float(np.var(intensity)), 1e-300)) + 1.0 + np.log(1 - 0.6**2)
        )
        # The ends of the polyline are known on one side only.
        self._margin = min(grid.sigma_ev, 0.02 * (self.high_ev - self.low_ev))

    @property
    def table(self) -> Table:
        """For compiled loops."""
        low, high = self.low_ev + self._margin, self.high_ev - self._margin
        return Table(self._table, self._start, self._step, low, high)

    def mirrored(self) -> Curve:
        """The query turned round in energy within its range: nothing of its kind exists."""
        energy, intensity, grid = self._raw
        return Curve(energy[0] + energy[-1] - energy[::-1], intensity[::-1], grid)

    def without_step(self) -> Curve | None:
        """The query less a step that rises as its running area does.

        D. A. Shirley, Phys. Rev. B 5 (1972) 4709, to self-consistency. None if it has hardly a
        step, or hardly anything else.
        """
        energy, intensity, grid = self._raw
        ends = max(1, energy.size // _ENDS)
        height = float(intensity[-ends:].mean() - intensity[:ends].mean())
        if height < _STEP * self.height:
            return None
        left = intensity - intensity[:ends].mean()
        step = np.zeros(energy.size)
        for _ in range(_ROUNDS):
            area = np.cumsum(np.clip(left - step, 0.0, None) * np.gradient(energy))
            if area[-1] <= 0.0:
                return None
            step = height * area / area[-1]
        if float(np.ptp(intensity - step)) < _BESIDE * self.height:
            return None
        return Curve(energy, intensity - step, grid)

    def covers(self, position_ev: Array) -> NDArray[np.bool_]:
        """Where the query has data; any shape."""
        inside: NDArray[np.bool_] = (position_ev >= self.low_ev + self._margin) & (
            position_ev <= self.high_ev - self._margin
        )
        return inside

    def at(self, position_ev: Array) -> Array:
        """Smoothed values at energies of any shape, by a four-point cubic; flat outside."""
        where = np.clip((position_ev - self._start) / self._step, 1.0, self._table.size - 2.001)
        k = where.astype(np.intp)
        t = where - k
        below, here = self._table[k - 1], self._table[k]
        after, beyond = self._table[k + 1], self._table[np.minimum(k + 2, self._table.size - 1)]
        curved = here * 3.0 - after * 3.0 + beyond - below
        value: Array = here + 0.5 * t * (
            after - below + t * (2.0 * below - 5.0 * here + 4.0 * after - beyond + t * curved)
        )
        return value


@njit(cache=True, nogil=True)
def value_at(table: Table, position: float) -> float:
    """`Curve.at` one energy."""
    where = min(
        max((position - table.start_ev) / table.step_ev, 1.0), table.values.size - 2.001
    )  # fmt: skip
    k = int(where)
    t = where - k
    below, here = table.values[k - 1], table.values[k]
    after, beyond = table.values[k + 1], table.values[min(k + 2, table.values.size - 1)]
    curved = here * 3.0 - after * 3.0 + beyond - below
    value: float = here + 0.5 * t * (
        after - below + t * (2.0 * below - 5.0 * here + 4.0 * after - beyond + t * curved)
    )
    return value


def smooth(energy_ev: Array, values: Array, position_ev: Array, sigma_ev: float) -> Array:
    """The polyline through a curve, flat beyond its ends, convolved with a Gaussian.

    Parameters
    ----------
    energy_ev, values : float64 (n,), (n,) or (n, k)
        The curve; eV, strictly ascending.
    position_ev : float64 (p,)
        Where the result is wanted.
    sigma_ev : float
        Wanted resolution. The polyline's own blur (a hat of variance spacing²/6) counts in it.

    Returns
    -------
    float64 (p,) or (p, k)
    """
    spacing = np.diff(energy_ev)
    blur = float(np.median(spacing)) ** 2 / 6.0
    sigma = np.sqrt(max(sigma_ev**2 - blur, (0.25 * sigma_ev) ** 2))
    if energy_ev.size > _MAX_RAW_POINTS:
        energy_ev, values = _average_bins(energy_ev, values, sigma / 4.0)
        spacing = np.diff(energy_ev)
    slope = np.diff(values, axis=0) / (spacing if values.ndim == 1 else spacing[:, None])
    bend = np.diff(slope, axis=0, prepend=0.0 * slope[:1], append=0.0 * slope[:1])
    if values.ndim == 1:
        curve: Array = values[0] + _sum_of_ramps(energy_ev, bend, position_ev, sigma)
        return curve
    # A ramp starting at 0 convolved with the Gaussian.
    u = (position_ev[:, None] - energy_ev) / sigma
    ramp = sigma * (u * ndtr(u) + np.exp(-0.5 * u * u) / _SQRT_2PI)
    result: Array = values[0] + ramp @ bend
    return result


@njit(cache=True, nogil=True)
def _sum_of_ramps(energy: Array, bend: Array, position: Array, sigma: float) -> Array:
    """Ramps from ``energy`` (n,) with slopes ``bend`` (n,), smoothed, at ``position`` (p,).

    Both ascend. Beyond ``_REACH`` sigma a smoothed ramp is the ramp itself or nothing, so what
    lies further below goes by running sums.
    """
    out = np.empty(position.size)
    start = energy[0]  # small numbers lose no digits
    first = 0  # ramps before it are straight lines here
    slope, moment = 0.0, 0.0
    for i in range(position.size):
        x = position[i]
        while first < energy.size and energy[first] < x - _REACH * sigma:
            slope += bend[first]
            moment += bend[first] * (energy[first] - start)
            first += 1
        total = slope * (x - start) - moment
        j = first
        while j < energy.size and energy[j] < x + _REACH * sigma:
            u = (x - energy[j]) / sigma
            below = 0.5 * erfc(-u / _SQRT_2)
            total += bend[j] * sigma * (u * below + exp(-0.5 * u * u) / _SQRT_2PI)
            j += 1
        out[i] = total
    return out


def onto_grid(energy_ev: Array, intensities: Array, grid: ComparisonGrid) -> Array:
    """Rows (m, n) on ``energy_ev`` brought to the comparison grid: (m, size)."""
    result: Array = smooth(energy_ev, intensities.T, grid.energy_ev, grid.sigma_ev).T
    return result


def noise_level(values: Array) -> float:
    """Standard deviation of white noise in a curve, from its third differences.

    Third differences of a peak are small where it is broader than a few points; the median
    passes over the few places where it is not.
    """
    third = np.diff(values, 3)
    return float(np.median(np.abs(third)) / 0.6745 / np.sqrt(20.0)) if third.size else 0.0


def checked_curve(
    energy_ev: ArrayLike, intensity: ArrayLike, *, name: str = ""
) -> tuple[Array, Array]:
    """A curve fit for use: float64, ascending, finite, not constant.

    Raises
    ------
    InputError
        Naming ``<name>energy_ev`` or ``<name>intensity``.
    """
    e = np.asarray(energy_ev, dtype=np.float64)
    v = np.asarray(intensity, dtype=np.float64)
    if e.ndim != 1 or e.shape != v.shape:
        raise InputError(f"{name}intensity", v.shape, f"must be one curve on energy_ev {e.shape}")
    if e.size < MIN_POINTS:
        raise InputError(f"{name}energy_ev", e.size, f"needs at least {MIN_POINTS} points")
    for field, values in (("energy_ev", e), ("intensity", v)):
        if not np.isfinite(values).all():
            bad = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(f"{name}{field}[{bad}]", float(values[bad]), "must be a number")
    if (np.diff(e) < 0).any():
        order = np.argsort(e, kind="stable")
        e, v = e[order], v[order]
    if (np.diff(e) == 0).any():
        e, inverse, counts = np.unique(e, return_inverse=True, return_counts=True)
        v = np.bincount(inverse, v) / counts
        if e.size < MIN_POINTS:
            raise InputError(f"{name}energy_ev", e.size, f"needs {MIN_POINTS} different energies")
    if np.ptp(v) <= 1e-12 * np.abs(v).max():
        raise InputError(f"{name}intensity", float(v[0]), "is constant: nothing to match")
    return e, v


def unit_curve(
    energy_ev: ArrayLike, intensity: ArrayLike, grid: ComparisonGrid, name: str = ""
) -> tuple[Curve, float, float]:
    """A query less its mean in units of its own spread; that unit and that mean.

    Raises
    ------
    InputError
        As `checked_curve`, and if it is a straight line.
    """
    energy, values = checked_curve(energy_ev, intensity, name=name)
    unit = float(np.std(values))
    line = np.polynomial.Polynomial.fit(energy, values, 1)(energy)
    if np.abs(values - line).max() <= _FLAT * unit:
        raise InputError(f"{name}intensity", float(values[0]), "is a straight line")
    mean = float(values.mean())
    return Curve(energy, (values - mean) / unit, grid), unit, mean


def _average_bins(energy_ev: Array, values: Array, width: float) -> tuple[Array, Array]:
    """Means of the points within each bin of ``width`` eV."""
    label = ((energy_ev - energy_ev[0]) / width).astype(np.intp)
    _, label = np.unique(label, return_inverse=True)
    count = np.bincount(label)
    energy = np.bincount(label, energy_ev) / count
    if values.ndim == 1:
        return energy, np.bincount(label, values) / count
    mean = np.zeros((count.size, values.shape[1]))
    np.add.at(mean, label, values)
    return energy, mean / count[:, None]
