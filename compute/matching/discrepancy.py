"""What a measured spectrum may differ by from the computed one of the same substance.

Relative to a candidate y (scale taken out), the difference is a Gaussian field with covariance

    C = warp² [y' y'ᵀ ∘ K_w + (warp²/2) y'' y''ᵀ ∘ K_w²]   peaks off by some tenths of an eV
      + area² [y yᵀ ∘ K_a]                                  peaks off in area
      + step² c cᵀ                                          a continuum step, c the running area
      + smooth² K_s + floor² 1        a curved background or features that theory lacks, the rest
      + F Fᵀ                                                low-rank factors learnt from pairs

with K_w, K_a exponential in energy distance and K_s Gaussian. To it comes the query's own noise.
Because C follows the candidate, a peak that may move costs little where it is and much where
there is none.

Theory does better for one spectrum than for another, so the size of C is not the same for all:
C / u with u ~ chi²(nu) / nu, integrated out, makes the likelihood Student's t with nu degrees of
freedom instead of a Gaussian. Without it the candidate that promises least wins as soon as the
query is explained better than expected, whatever the others leave unexplained.

Amplitudes, lengths and nu are found by restricted maximum likelihood over known pairs, with
log-normal priors round the defaults, so that few pairs move them little.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs
from scipy.special import digamma

from compute.errors import ConvergenceError
from compute.matching.discrepancy_kernels import (
    averaged,
    compared,
    fill,
    of_noise_expected,
    student,
)
from compute.matching.grid import Array, ComparisonGrid
from compute.matching.parts import Parts, arched, running_area, taken_apart
from compute.matching.shapes import Shape

# Where nobody knows how well theory does: as expected, or better by half orders of magnitude, down
# to less than the noise of a good measurement (40 dB, one per cent); equally likely, as Jeffreys'
# prior of a scale has it. Student's t takes care of larger errors. A finer grid (0.5, 0.25 … 0.03)
# ranked 110 queries of ``tests.benchmarks.step_sets`` alike.
UNKNOWN_SIZES = (1.0, 0.3, 0.1, 0.03)


@dataclass(frozen=True)
class Discrepancy:
    """Amplitudes and lengths of the covariance; rows have a root mean square of 1.

    Attributes
    ----------
    warp_ev, warp_length_ev : float
        Standard deviation of a peak's position, and the distance over which it is shared; eV.
    area, area_length_ev : float
        Relative standard deviation of a peak's area, and the distance over which it is shared.
    step, bow, smooth, floor : float
        Amplitudes of the continuum step, of a parabola over the window (a curved background; not
        learnt), of the smooth field and of the white remainder.
    smooth_length_ev : float
        Correlation length of the smooth field: long for a background, short for features.
    freedom : float
        Degrees of freedom nu: small where errors are much larger for one spectrum than another.
    factors : float64 (r, size)
        Low-rank part, on the comparison grid.
    sizes : tuple of float
        Theory's errors over those expected, equally likely before looking. One alone where
        somebody knows the size; ``UNKNOWN_SIZES`` where nobody does.

    The defaults stand for a fair calculation of peaks about 1 eV wide, a tenth of a width and some
    per cent off; they are conventions, scaled to the library by `calibration.default_discrepancy`
    and replaced by what pairs teach. Four degrees of freedom: the size of the errors within a
    factor of two for nine spectra in ten (u ~ chi²(4) / 4); learnt as well.
    """

    warp_ev: float = 0.1
    warp_length_ev: float = 1.5
    area: float = 0.06
    area_length_ev: float = 1.5
    step: float = 0.02
    smooth: float = 0.02
    smooth_length_ev: float = 10.0
    floor: float = 0.02
    freedom: float = 4.0
    factors: Array = field(default_factory=lambda: np.zeros((0, 0)))
    sizes: tuple[float, ...] = (1.0,)
    bow: float = 0.0

    def log_values(self) -> Array:
        """Natural logarithms of the numbers that are learnt (9,)."""
        return np.log([getattr(self, name) for name in LEARNT])

    def with_log_values(self, values: Array) -> Discrepancy:
        """The same model with other numbers."""
        return replace(self, **dict(zip(LEARNT, np.exp(values).tolist(), strict=True)))


LEARNT = tuple(f.name for f in fields(Discrepancy) if f.name not in ("factors", "sizes", "bow"))


# 1/variance of one Gauss-Newton step in shift (0.3 eV), sigma² (0.16 eV²) and gamma (0.4 eV): a
# trust region about as wide as the expansion of a broadened peak holds. Convention; the shift that
# is reached depends on it only where a query says nothing of the alignment.
STEP_PRECISION = np.array([11.0, 39.0, 6.0])


@dataclass(frozen=True)
class Fitted:
    """One candidate compared with the query inside its window.

    Attributes
    ----------
    log_evidence : float
        Restricted log-likelihood of the query given the candidate.
    misfit : float
        rᵀC⁻¹r.
    scale, offset, slope : float
        Query ≈ scale·y + offset + slope·(column − first column).
    shift_step, variance_step, gamma_step : float
        Where the linearised alignment would go from here.
    n : int
        Energies compared.
    r_squared : float
        Squared correlation of query and candidate, both over their straight lines; 0 if negative.
    spread : float
        Mean square of the query over its straight line.
    """

    log_evidence: float
    misfit: float
    scale: float
    offset: float
    slope: float
    shift_step: float
    variance_step: float
    gamma_step: float
    n: int
    r_squared: float
    spread: float


class Covariance:
    """The covariance of one discrepancy model on one grid."""

    def __init__(self, grid: ComparisonGrid, model: Discrepancy) -> None:
        self.model = model
        self._grid = grid
        lag = grid.step_ev * np.abs(np.subtract.outer(np.arange(grid.size), np.arange(grid.size)))
        self._lag = lag
        self._warp = np.exp(-lag[0] / model.warp_length_ev)
        self._area = np.exp(-lag[0] / model.area_length_ev)
        self._common = model.smooth**2 * np.exp(-0.5 * (lag / model.smooth_length_ev) ** 2)
        self._common[np.diag_indices(grid.size)] += model.floor**2
        if model.factors.size:
            self._common += model.factors.T @ model.factors
        self.common_variance = np.ascontiguousarray(np.diag(self._common))

    @cached_property
    def parts(self) -> Parts:
        """For compiled loops."""
        model = self.model
        smooth = model.smooth**2 * np.exp(-0.5 * (self._lag[0] / model.smooth_length_ev) ** 2)
        field, low = taken_apart(smooth, model.floor**2, model.factors)
        decay = self._warp[1], self._warp[1] ** 2, self._area[1]
        return Parts(
            field, low, np.array(decay), float(model.warp_ev), float(model.area),
            float(model.step), float(model.bow), float(model.floor), float(model.freedom),
        )  # fmt: skip

    def variance(self, shape: Shape) -> Array:
        """Diagonal of C for rows of any leading shape (…, size)."""
        m = self.model
        second = 0.5 * m.warp_ev**4 * shape.curvature**2
        own = (m.warp_ev * shape.slope) ** 2 + second + (m.area * shape.value) ** 2
        result: Array = own + self.common_variance
        return result

    def of(self, shape: Shape, window: slice) -> Array:
        """C (n, n) for one candidate inside a window; the upper triangle only mirrors."""
        total = self.total(shape, window, np.zeros(self._grid.size), 1.0)
        result: Array = np.tril(total) + np.tril(total, -1).T
        return result

    def total(self, shape: Shape, window: slice, noise: Array, scale: float) -> Array:
        """Lower triangle of scale² C + noise, (n, n), Fortran order for LAPACK.

        ``noise`` (size,) is the covariance of the query's noise by distance in columns.
        """
        m = self.model
        y, slope = shape.value[window], shape.slope[window]
        bend = np.sqrt(0.5) * m.warp_ev**2 * shape.curvature[window]
        out = np.zeros((y.size, y.size), order="F")
        fill(
            self._common, window.start, self._warp, self._area, noise, scale,
            m.warp_ev * slope, bend, m.area * y, m.step * running_area(y),
            m.bow * arched(y.size), out,
        )  # fmt: skip
        return out

    def derivatives(self, shape: Shape, window: slice) -> Array:
        """dC / d ln(parameter), (8, n, n), in the order of ``LEARNT``."""
        m = self.model
        y, slope = shape.value[window], shape.slope[window]
        bend = shape.curvature[window]
        lag = self._lag[window, window]
        distance = np.abs(np.subtract.outer(np.arange(y.size), np.arange(y.size)))
        warp, area = self._warp[distance], self._area[distance]
        first = np.outer(m.warp_ev**2 * slope, slope) * warp
        second = np.outer(0.5 * m.warp_ev**4 * bend, bend) * warp**2
        areas = np.outer(m.area**2 * y, y) * area
        running = running_area(y)
        far = (lag / m.smooth_length_ev) ** 2
        field = m.smooth**2 * np.exp(-0.5 * far)
        result: Array = np.stack([
            2.0 * first + 4.0 * second,
            (first + 2.0 * second) * lag / m.warp_length_ev,
            2.0 * areas,
            areas * lag / m.area_length_ev,
            np.outer(2.0 * m.step**2 * running, running),
            2.0 * field,
            field * far,
            2.0 * m.floor**2 * np.eye(y.size),
        ])  # fmt: skip
        return result


def compare(
    query: Array,
    shape: Shape,
    window: slice,
    covariance: Covariance,
    noise: Array,
    scale: float,
    free: NDArray[np.bool_],
    size: float = 1.0,
    error: float = 1.0,
) -> Fitted:
    """Generalised least squares of the query (n,) against one candidate.

    Parameters
    ----------
    query : float64 (n,)
        On the columns of ``window``.
    shape : Shape
        The candidate over the whole grid.
    noise : float64 (size,)
        Covariance of the query's noise by distance in columns.
    scale : float
        About what the candidate is multiplied with; it sets C in the query's units.
    free : bool (3,)
        Whether shift, sigma² and gamma may move in the step that is proposed.
    size : float
        Theory's errors over those expected; see `compare_sizes`.
    error : float
        Those expected of this candidate over those of the covariance.
    """
    tried = _compared(
        query, shape, window, covariance, noise, scale, error, free, (size,), np.zeros(1)
    )
    return fitted_of(tried[0])


def compare_sizes(
    query: Array,
    shape: Shape,
    window: slice,
    covariance: Covariance,
    noise: Array,
    scale: float,
    error: float,
    free: NDArray[np.bool_],
    beside: Array,
) -> Fitted:
    """`compare` averaged over the sizes that theory's errors may have.

    ``beside`` (sizes,) is the log-density of what the query holds outside the window. The evidence
    is the mean over the sizes; steps, scale and background are those of the size that explains
    the query best; the misfit stays that under the errors expected.
    """
    sizes = covariance.model.sizes
    tried = _compared(query, shape, window, covariance, noise, scale, error, free, sizes, beside)
    return fitted_of(averaged(tried, beside))


def fitted_of(numbers: Array) -> Fitted:
    """What the kernels say of one candidate (N_FOUND,)."""
    evidence, misfit, scale, offset, slope, shift, variance, gamma, n, r_squared, spread = (
        numbers.tolist()
    )
    return Fitted(
        evidence, misfit, scale, offset, slope, shift, variance, gamma, int(n), r_squared, spread
    )


def _compared(
    query: Array,
    shape: Shape,
    window: slice,
    covariance: Covariance,
    noise: Array,
    scale: float,
    error: float,
    free: NDArray[np.bool_],
    sizes: tuple[float, ...],
    beside: Array,
) -> Array:
    """`compare` under each of several sizes of theory's errors, (sizes, N_FOUND)."""
    y, slope, by_variance, by_gamma = (
        np.ascontiguousarray(one[window])
        for one in (shape.value, shape.slope, shape.by_variance, shape.by_gamma)
    )
    with factorised():
        result: Array = compared(
            np.ascontiguousarray(query), y, slope, by_variance, by_gamma, window.start,
            covariance.parts, noise, scale, error, free, STEP_PRECISION, np.array(sizes),
            beside,
        )  # fmt: skip
    return result


@contextmanager
def factorised() -> Iterator[None]:
    """Says of a covariance that has no factor what it is."""
    try:
        yield
    except np.linalg.LinAlgError as error:
        named = "factorisation of the discrepancy covariance"
        raise ConvergenceError(named, float("nan"), 0.0) from error


def noise_misfit(
    shape: Shape, window: slice, covariance: Covariance, noise: Array, scale: float
) -> float:
    """What the query's noise alone adds to the misfit on average, tr[(C + N)⁻¹ N]."""
    y, slope, by_variance = (
        np.ascontiguousarray(one[window]) for one in (shape.value, shape.slope, shape.by_variance)
    )
    with factorised():
        return float(
            of_noise_expected(y, slope, by_variance, window.start, covariance.parts, noise, scale)
        )


def evidence_gradient(
    query: Array, shape: Shape, window: slice, covariance: Covariance, noise: Array, scale: float
) -> tuple[float, Array]:
    """Restricted log-likelihood and its gradient (9,) in the logarithms of the parameters."""
    factor, design = _factor_and_design(shape, window, covariance, noise, scale)
    design = design[:, :3]
    solved = dpotrs(factor, np.column_stack([query, design]), lower=1)[0]
    normal = design.T @ solved[:, 1:]
    coefficient = np.linalg.solve(normal, design.T @ solved[:, 0])
    alpha = solved[:, 0] - solved[:, 1:] @ coefficient  # C⁻¹ r
    inverse = dpotri(factor, lower=1)[0]
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    projected = inverse - solved[:, 1:] @ np.linalg.solve(normal, solved[:, 1:].T)
    misfit, nu, m = float(query @ alpha), covariance.model.freedom, query.size - 3
    weight = (nu + m) / (nu + misfit) * np.outer(alpha, alpha) - projected
    slopes = scale**2 * covariance.derivatives(shape, window)
    gradient = 0.5 * np.tensordot(slopes, weight, axes=([1, 2], [0, 1]))
    by_freedom = digamma(0.5 * (nu + m)) - digamma(0.5 * nu) - m / nu - np.log1p(misfit / nu)
    by_freedom += (nu + m) * misfit / (nu * (nu + misfit))
    value = -0.5 * (2.0 * np.log(np.diag(factor)).sum() + np.linalg.slogdet(normal)[1])
    value += student_log_density(misfit, m, nu)
    return float(value), np.append(gradient, 0.5 * nu * by_freedom)


def student_log_density(misfit: float, n: int, freedom: float) -> float:
    """ln of Student's t density of ``n`` whitened residuals whose squares sum to ``misfit``.

    Kotz & Nadarajah, Multivariate t Distributions and Their Applications (2004), eq. 1.1; for
    infinite ``freedom`` the Gaussian −(misfit + n ln 2π) / 2.
    """
    return float(student(misfit, n, freedom))


def _factor_and_design(
    shape: Shape, window: slice, covariance: Covariance, noise: Array, scale: float
) -> tuple[Array, Array]:
    """Lower Cholesky factor of C + noise in the query's units, and the design (n, 6)."""
    return _factor(covariance.total(shape, window, noise, scale)), _design(shape, window)


def _factor(total: Array) -> Array:
    """Lower Cholesky factor (n, n) of a lower triangle, which is overwritten."""
    factor, info = dpotrf(total, lower=1, overwrite_a=1, clean=0)
    if info != 0:
        raise ConvergenceError("factorisation of the discrepancy covariance", float(info), 0.0)
    return np.asarray(factor)


def _design(shape: Shape, window: slice) -> Array:
    """Candidate, straight line, and what shift, sigma² and gamma would change (n, 6)."""
    y = shape.value[window]
    column = np.arange(y.size, dtype=np.float64)
    return np.column_stack([
        y, np.ones(y.size), column,
        shape.slope[window], shape.by_variance[window], shape.by_gamma[window],
    ])  # fmt: skip
