"""Fit of a sampled function by confluent exponential terms, sum of w x^p exp(-a x).

ESPRIT finds simple poles. A product of radial functions, r^s exp(-a r) times a polynomial, is one
multiple pole, which rounding splits into a ring of simple ones whose mean is far better known
than each: rings are therefore merged into confluent terms x^0 … x^(m-1) exp(-a x) about their
mean. Of all mergers tried, the one with the fewest terms within the tolerance is kept, and terms
that are not needed are removed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compute.errors import ConvergenceError, InputError
from compute.expsum.esprit import esprit_poles, hankel_signal_space
from compute.expsum.interpolation import Array, RadialInterpolant, checked_grid

Complex = NDArray[np.complex128]

_RINGS = (0.0, 1e-3, 1e-2, 0.03, 0.06, 0.12, 0.2, 0.3)  # relative sizes of a ring of split poles
_SAMPLES = 800  # uniform samples that poles are sought in
_POINTS = 800  # points at most that weights are fitted to
_MOST_POLES = 60
_MOST_GROWTH = 30.0  # exponent over the whole range of a term that is let grow
_STAGNANT = 1e-8  # an error below this that more poles do not lower is the data's own
_ROUNDING = 3e-15  # no fit can be better, relative to the largest value


@dataclass(frozen=True)
class ExponentialSum:
    """``f(x) = Re sum_j weights_j x^powers_j exp(-exponents_j x)``.

    Attributes
    ----------
    weights : complex128 (m,)
        Complex terms come in conjugate pairs, so that the sum is real.
    exponents : complex128 (m,)
        Positive real parts decay.
    powers : int64 (m,)
    max_error : float
        Largest deviation at the points of the fit, unit of the function.
    """

    weights: Complex
    exponents: Complex
    powers: NDArray[np.int64]
    max_error: float

    def __call__(self, x: Array) -> Array:
        """Values at ``x``, any shape."""
        x = np.asarray(x, dtype=np.float64)
        terms = x[..., None] ** self.powers * np.exp(-self.exponents * x[..., None])
        return np.asarray((terms @ self.weights).real)


def fit_exponential_sum(x: Array, y: Array, tolerance: float) -> ExponentialSum:
    """Exponential sum through samples of a decaying function.

    Parameters
    ----------
    x : float64 (n,)
        Strictly increasing, x[0] >= 0; uniform or not.
    y : float64 (n,)
    tolerance : float
        Largest error at the points, relative to the largest value (and absolute where that is
        below one and the numbers allow it).

    Raises
    ------
    InputError
        Unusable points, values or tolerance.
    ConvergenceError
        No exponential sum within the tolerance was found.

    Decaying terms alone are tried first, then growing ones too.
    """
    x, arrays = checked_grid(x, {"y": y})
    if not 0.0 < tolerance < 1.0:
        raise InputError("tolerance", tolerance, "must lie between 0 and 1")
    scale = float(np.abs(arrays["y"]).max())
    for least_decay in (1e-3, -_MOST_GROWTH):
        fit = fit_radial(RadialInterpolant(x), [arrays["y"]], tolerance, least_decay)
        error = float(np.abs(fit(x) - arrays["y"]).max())
        if error <= max(tolerance, _ROUNDING) * scale:
            return replace(fit, max_error=error)
    raise ConvergenceError("exponential sum", error / scale, tolerance)


def fit_radial(
    grid: RadialInterpolant, factors: list[Array], tolerance: float, least_decay: float = 0.1
) -> ExponentialSum:
    """The shortest sum found within the tolerance of a product of functions, or the closest.

    Poles are sought in uniform samples, interpolated where the grid is not uniform; weights are
    fitted, and exponents refined, at points of the grid itself. Terms fall at least by
    ``exp(-least_decay)`` over the grid: what falls less would be large beyond it.
    """
    r, y = grid.all_points, np.prod(factors, axis=0)
    scale = float(np.abs(y).max())
    if scale == 0.0:
        empty = np.zeros(0, dtype=np.complex128)
        return ExponentialSum(empty, empty, np.zeros(0, dtype=np.int64), 0.0)
    last = int(np.flatnonzero(np.abs(y) > 1e-17 * scale)[-1])
    stop = max(last + 1, min(40, y.size))
    if grid.is_uniform:
        step = max(1, stop // _SAMPLES)
        samples, spacing = y[:stop:step], step * (r[1] - r[0])
    else:
        uniform, spacing = np.linspace(0.0, r[stop - 1], _SAMPLES + 1, retstep=True)
        samples = np.prod([grid.evaluate(factor, uniform) for factor in factors], axis=0)
    chosen = np.unique(np.linspace(0, stop - 1, min(stop, _POINTS)).astype(int))
    x, y = r[chosen], y[chosen] / scale
    goal = max(0.7 * tolerance * min(1.0, 1.0 / scale), _ROUNDING)
    best = _search(samples / scale, float(spacing), x, y, goal, least_decay)
    best = _pruned(best, x, y, max(goal, 1.5 * best.max_error))
    return replace(best, weights=scale * best.weights, max_error=scale * best.max_error)


def _search(
    samples: Array, spacing: float, x: Array, y: Array, goal: float, least_decay: float
) -> ExponentialSum:
    """From few poles to many until a merger of them reaches the goal."""
    most = min(_MOST_POLES, (samples.size - 1) // 2, x.size // 3)
    space = hankel_signal_space(samples, rank=most, tolerance=1e-15)
    relative = space.singular_values / space.singular_values[0]
    best: ExponentialSum | None = None
    before, stagnant = np.inf, 0
    for exponent in range(2, 16):
        rank = int(np.count_nonzero(relative > 10.0**-exponent))
        exponents = -np.log(esprit_poles(space.vectors[:, :rank])) / spacing
        exponents = exponents[exponents.real * x[-1] > least_decay]
        for ring in _RINGS:
            trial = _weighted(*_merged(exponents, ring), x, y)
            if ring > 0.0 and goal < trial.max_error < 1e-4:
                trial = _refined(trial, x, y)
            if trial.max_error <= goal:
                trial = _pruned(trial, x, y, goal)
            if best is None or _better(trial, best, goal):
                best = trial
        assert best is not None
        stagnant = stagnant + 1 if best.max_error > 0.3 * before else 0
        before = best.max_error
        if before <= goal or (stagnant > 2 and before < _STAGNANT):
            break
    assert best is not None
    return best


def _refined(fit: ExponentialSum, x: Array, y: Array) -> ExponentialSum:
    """Gauss-Newton steps on the exponents as long as they help."""
    for _ in range(4):
        upper = fit.exponents[fit.exponents.imag >= 0.0]
        distinct = np.unique(upper)
        columns = _columns(fit.exponents, fit.powers, x)[0]
        slopes = np.zeros((x.size, distinct.size), dtype=np.complex128)
        for j, exponent in enumerate(distinct):
            here = fit.exponents == exponent
            twice = 1.0 if exponent.imag == 0.0 else 2.0
            terms = x[:, None] ** (fit.powers[here] + 1) * np.exp(-exponent * x[:, None])
            slopes[:, j] = -twice * (terms @ fit.weights[here])
        paired = distinct.imag > 0.0
        matrix = np.concatenate([columns, slopes.real, -slopes[:, paired].imag], axis=1)
        size = np.abs(matrix).max(axis=0) + 1e-300
        change = np.linalg.lstsq(matrix / size, y - fit(x), rcond=1e-12)[0] / size
        shift = change[columns.shape[1] : columns.shape[1] + distinct.size].astype(np.complex128)
        shift[paired] += 1j * change[columns.shape[1] + distinct.size :]
        moved = distinct + shift
        if not np.all((moved.real > 0.5 * distinct.real) & (moved.real < 2.0 * distinct.real)):
            break
        exponents = fit.exponents.copy()
        for old, new in zip(distinct, moved, strict=True):
            exponents[fit.exponents == old] = new
            if old.imag > 0.0:
                exponents[fit.exponents == old.conjugate()] = new.conjugate()
        trial = _weighted(exponents, fit.powers, x, y)
        if trial.max_error > 0.7 * fit.max_error:
            break
        fit = trial
    return fit


def _merged(exponents: Complex, ring: float) -> tuple[Complex, NDArray[np.int64]]:
    """Exponents and powers after poles closer than ``ring`` (relative) are made confluent."""
    left = list(np.sort_complex(exponents))
    out: list[complex] = []
    powers: list[int] = []
    while left:
        group = [left.pop(0)]
        for candidate in group:  # grows while it is walked: single linkage
            near = [e for e in left if abs(e - candidate) <= ring * abs(candidate)]
            left = [e for e in left if e not in near]
            group += near
        centre = complex(np.mean(group))
        if abs(centre.imag) <= 1e-9 * abs(centre) or (
            len(group) > 1 and abs(centre.imag) <= 0.02 * abs(centre)
        ):
            centre = complex(centre.real)
        out += [centre] * len(group)
        powers += range(len(group))
    return np.array(out, dtype=np.complex128), np.array(powers, dtype=np.int64)


def _columns(
    exponents: Complex, powers: NDArray[np.int64], x: Array
) -> tuple[Array, Complex, NDArray[np.int64]]:
    """Real basis of the terms: one column for a real term, two for a conjugate pair.

    Also the exponents (imaginary part not negative) and powers of the first columns.
    """
    upper = exponents.imag >= 0.0
    exponents, powers = exponents[upper], powers[upper]
    terms = x[:, None] ** powers * np.exp(-exponents * x[:, None])
    paired = exponents.imag > 0.0
    return np.concatenate([terms.real, terms[:, paired].imag], axis=1), exponents, powers


def _weighted(exponents: Complex, powers: NDArray[np.int64], x: Array, y: Array) -> ExponentialSum:
    """Least-squares weights of given terms."""
    columns, exponents, powers = _columns(exponents, powers, x)
    if not columns.size:
        return ExponentialSum(exponents, exponents, powers, float(np.abs(y).max()))
    size = np.abs(columns).max(axis=0) + 1e-300
    solution = np.linalg.lstsq(columns / size, y, rcond=1e-15)[0] / size
    error = float(np.abs(columns @ solution - y).max())
    paired = exponents.imag > 0.0
    weights = solution[: exponents.size].astype(np.complex128)
    weights[paired] = 0.5 * (weights[paired] - 1j * solution[exponents.size :])
    return ExponentialSum(
        np.concatenate([weights, weights[paired].conj()]),
        np.concatenate([exponents, exponents[paired].conj()]),
        np.concatenate([powers, powers[paired]]),
        error,
    )


def _better(trial: ExponentialSum, best: ExponentialSum, goal: float) -> bool:
    """Fewer terms among those that reach the goal; otherwise the smaller error."""
    if trial.max_error <= goal and best.max_error <= goal:
        return trial.weights.size < best.weights.size
    return trial.max_error < best.max_error


def _pruned(fit: ExponentialSum, x: Array, y: Array, limit: float) -> ExponentialSum:
    """Without the terms whose absence keeps the error within ``limit``."""
    current = fit
    while current.weights.size > 1:
        size = np.abs(current.weights) * np.abs(
            x[:, None] ** current.powers * np.exp(-current.exponents * x[:, None])
        ).max(axis=0)
        weakest = current.exponents[size.argmin()], current.powers[size.argmin()]
        keep = ~(
            ((current.exponents == weakest[0]) | (current.exponents == weakest[0].conj()))
            & (current.powers == weakest[1])
        )
        trial = _weighted(current.exponents[keep], current.powers[keep], x, y)
        if trial.max_error > limit:
            break
        current = trial
    return current
