"""What a fit says: peaks, background and their covariance in the units of the spectrum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compute.peaks.edges import Rival
from compute.peaks.judging import Candidate, residual_floor
from compute.peaks.lineshapes import Floats
from compute.peaks.model import Fit, Problem
from compute.peaks.plausibility import Verdict
from compute.peaks.refine import covariance
from compute.peaks.search import Search


@dataclass(frozen=True)
class Peak:
    """``area · (cos φ · absorptive − sin φ · dispersive)``; ``*_err`` are standard errors."""

    position_ev: float
    hwhm_ev: float
    area: float
    position_err: float
    hwhm_err: float
    area_err: float
    phase_rad: float = 0.0
    phase_err: float = 0.0


@dataclass(frozen=True)
class OrderStep:
    """The best model found with one number of peaks."""

    n_peaks: int
    criterion: float
    residual_rms: float


@dataclass(frozen=True)
class Decomposition:
    """Result of :func:`decompose`.

    Attributes
    ----------
    peaks : tuple of Peak
        In order of position.
    n_peaks : int | None
        None when the model cannot be right: ``peaks`` then describes the curve, and ``warnings``
        says why their number means nothing.
    background : dict
        ``kind`` and its coefficients (``constant`` and ``slope_per_ev`` about ``reference_ev``;
        ``factor`` and ``exponent`` of ``factor·(E/reference_ev)^-exponent``; or of a flank
        ``constant``, and ``position_ev, hwhm_ev`` of the arctangent edge beyond ``reference_ev``
        and its ``height`` there), ``edge``: None
        or ``kind, position_ev, hwhm_ev (σ for an erf), height`` with ``*_err``, and where there are
        two steps ``splitting_ev`` (the height is then that of both).
    gaussian_sigma_ev, gaussian_sigma_err : float
    residual_rms, noise : float
        Root mean square residual; noise estimated from the spectrum before any fit.
    order_trace : tuple of OrderStep
        Ascending number of peaks.
    covariance : float64 (m, m)
        Of ``parameter_names``: inverse Fisher matrix with the residual variance; where the edge
        may stand elsewhere, the mean square error over all its places.
    energy_ev, model, background_curve : float64 (n,)
        The fitted range, the model there and its part that is no peak.
    """

    peaks: tuple[Peak, ...]
    n_peaks: int | None
    background: dict[str, Any]
    gaussian_sigma_ev: float
    gaussian_sigma_err: float
    residual_rms: float
    noise: float
    order_trace: tuple[OrderStep, ...]
    covariance: Floats
    parameter_names: tuple[str, ...]
    energy_ev: Floats
    model: Floats
    background_curve: Floats
    warnings: tuple[str, ...] = field(default=())


def build_result(
    best: Candidate,
    rivals: Sequence[Rival],
    search: Search,
    verdict: Verdict,
    scale: float,
    noise: float,
) -> Decomposition:
    """Result of a fit to ``intensity / scale``; ``rivals`` only widen its standard errors."""
    problem, fit = best.problem, best.fit
    n, j, o = problem.energy.size, fit.n_peaks, problem.options
    names, values, matrix = _estimates(problem, fit, scale)
    total = matrix
    for rival in rivals:
        _, other, around = _estimates(problem, rival.fit, scale)
        away = other - values
        total = total + rival.odds * (around + np.outer(away, away))
    matrix = total / (1.0 + sum(rival.odds for rival in rivals))
    value = dict(zip(names, values, strict=True))
    error = dict(zip(names, np.sqrt(np.diag(matrix)), strict=True))

    def pair(name: str) -> tuple[float, float]:
        return float(value[name]), float(error[name])

    peaks = []
    for k in range(1, j + 1):
        position, hwhm, area = (pair(f"{q}_{k}") for q in ("position_ev", "hwhm_ev", "area"))
        phase = pair(f"phase_rad_{k}") if o.phase else (0.0, 0.0)
        numbers = (position[0], hwhm[0], area[0])
        errors = (position[1], hwhm[1], area[1])
        peaks.append(Peak(*numbers, *errors, *phase))
    background: dict[str, Any] = {"kind": o.background, "edge": None}
    if o.background != "none":
        background["reference_ev"] = _reference(problem, fit)
    for name in ("constant", "slope_per_ev", "factor", "exponent"):
        if name in value:
            background[name], background[f"{name}_err"] = pair(name)
    if o.background == "flank":
        for name in ("position_ev", "hwhm_ev", "height"):
            error_name = name.removesuffix("_ev") + "_err"
            background[name], background[error_name] = pair(f"flank_{name}")
    if o.edge:
        edge: dict[str, Any] = {"kind": o.edge}
        if o.splitting:
            edge["splitting_ev"] = o.splitting
        for name in ("position_ev", "hwhm_ev", "height"):
            edge[name], edge[name.removesuffix("_ev") + "_err"] = pair(f"edge_{name}")
        background["edge"] = edge
    sigma, sigma_err = (o.sigma, 0.0) if not o.fit_sigma else pair("gaussian_sigma_ev")
    peak_rows = j * (1 + o.phase)
    smooth = slice(peak_rows, problem.n_linear(j))
    steps = tuple(
        OrderStep(
            count,
            search.best[count].criterion,
            scale * math.sqrt(search.best[count].fit.rss / search.best[count].problem.energy.size),
        )
        for count in sorted(search.best)
    )
    return Decomposition(
        peaks=tuple(peaks),
        n_peaks=j if verdict.plausible else None,
        background=background,
        gaussian_sigma_ev=float(sigma),
        gaussian_sigma_err=sigma_err,
        residual_rms=scale * math.sqrt(fit.rss / n),
        noise=scale * noise,
        order_trace=steps,
        covariance=matrix,
        parameter_names=tuple(names),
        energy_ev=problem.energy,
        model=scale * (problem.intensity - fit.residual),
        background_curve=scale * (fit.coefficients[smooth] @ fit.rows[smooth]),
        warnings=verdict.warnings,
    )


def _estimates(problem: Problem, fit: Fit, scale: float) -> tuple[list[str], Floats, Floats]:
    """Names, values and covariance of what is reported of one minimum."""
    names, values, transform = _named(problem, fit, scale)
    freedom = problem.n_independent - problem.options.independent * len(fit.rows)
    variance = max(fit.rss, residual_floor(problem)) / max(1.0, freedom)
    raw = covariance(problem, fit, variance)
    matrix = transform @ np.where(np.isfinite(raw), raw, 0.0) @ transform.T
    lost = np.abs(transform) @ ~np.isfinite(np.diag(raw)) > 0.0
    matrix[lost, lost] = np.inf
    return names, np.array(values), matrix


def _reference(problem: Problem, fit: Fit) -> float:
    """Energy to which the coefficients of the background refer, eV."""
    kind = problem.options.background
    if kind == "power":
        return problem.low
    if kind == "flank":
        return problem.high if problem.wing(fit.parameters).position > problem.high else problem.low
    return 0.5 * (problem.low + problem.high)


def _named(problem: Problem, fit: Fit, scale: float) -> tuple[list[str], list[float], Floats]:
    """Names and values of what is reported, and its derivatives by the rows of ``fit``."""
    o, p, c, j = problem.options, fit.parameters, fit.coefficients, fit.n_peaks
    n_lin, size = problem.n_linear(j), len(fit.rows)
    names: list[str] = []
    values: list[float] = []
    slopes: list[Floats] = []

    def put(name: str, value: float, by: dict[int, float]) -> None:
        row = np.zeros(size)
        for column, slope in by.items():
            row[column] = slope
        names.append(name)
        values.append(value)
        slopes.append(row)

    for k, i in enumerate(np.argsort(p.position), start=1):
        put(f"position_ev_{k}", p.position[i], {n_lin + i: 1.0})
        put(f"hwhm_ev_{k}", p.hwhm[i], {n_lin + j + i: p.hwhm[i]})
        if o.phase:
            a, b = c[i], c[j + i]
            size_ = math.hypot(a, b) or 1e-300
            put(f"area_{k}", scale * size_, {i: scale * a / size_, j + i: scale * b / size_})
            put(f"phase_rad_{k}", math.atan2(b, a), {i: -b / size_**2, j + i: a / size_**2})
        else:
            put(f"area_{k}", scale * c[i], {i: scale})
    at, end = j * (1 + o.phase), n_lin + 2 * j
    if o.background in ("constant", "linear", "flank"):
        put("constant", scale * c[at], {at: scale})
    if o.background == "linear":
        slope = scale * 2.0 / problem.span
        put("slope_per_ev", slope * c[at + 1], {at + 1: slope})
    if o.background == "power":
        put("factor", scale * c[at], {at: scale})
        put("exponent", p.exponent, {size - 1: 1.0})
    if o.background == "flank":
        wing = problem.wing(p)
        distance = wing.position - _reference(problem, fit)
        width = wing.bluntness * abs(distance)
        put("flank_position_ev", wing.position, {size - 2: distance})
        put("flank_hwhm_ev", width, {size - 2: width, size - 1: width})
        put("flank_height", scale * c[at + 1], {at + 1: scale})
    if o.edge:
        put("edge_position_ev", p.edge[0], {end: 1.0})
        put("edge_hwhm_ev", p.edge[1], {end + 1: p.edge[1]})
        put("edge_height", scale * c[n_lin - 1], {n_lin - 1: scale})
        end += 2
    if o.fit_sigma:
        put("gaussian_sigma_ev", p.sigma, {end: p.sigma})
    return names, values, np.array(slopes).reshape(len(names), size)
