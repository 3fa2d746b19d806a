"""A spectrum split into Lorentz or Voigt peaks without a guess, with standard errors."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from compute.errors import InputError
from compute.peaks.background import AUTO, BACKGROUND_TERMS
from compute.peaks.colour import tolerated, whitened
from compute.peaks.edges import edge_starts, place_edge, rivals_of, shape_edge, sown_again
from compute.peaks.grids import WorkGrid, work_grid
from compute.peaks.judging import Candidate, residual_floor, to_rounding
from compute.peaks.lineshapes import Floats
from compute.peaks.model import (
    EDGE_KINDS,
    Budget,
    Options,
    Parameters,
    Problem,
)
from compute.peaks.parsimony import determined, simpler
from compute.peaks.plausibility import DECISIVE, judge_model, suspected_sigma
from compute.peaks.refine import polish
from compute.peaks.result import Decomposition, build_result
from compute.peaks.search import Dictionary, Search
from compute.peaks.seeds import esprit_candidates, noise_level, prune, rounding_noise
from compute.peaks.signs import dips, points_down
from compute.threads import single_blas

_LEAST_SIGMA_EV = 1e-6  # below it a Gaussian is none: 0
MIN_POINTS = 20
DEFAULT_MAX_PEAKS = 40
# Multiplications that a whole search may take: 2 to 4 s; the other steps get parts of it
SEARCH_WORK = 2e10
# Not "none": moves find sooner that a constant is not needed than that peaks stand in for one
FIRST_BACKGROUND = "constant"
# Residual over rounding errors that need not be explained: neighbours on a slow slope share theirs
ROUNDED = 1.25
PROMISING = 200.0  # lead of a rival's criterion that further moves may make up for

Background = Literal["auto", "none", "constant", "linear", "flank", "power"]
Edge = Literal["auto", "arctan", "broadened arctan", "erf"]


@single_blas()
def decompose(
    energy_ev: ArrayLike,
    intensity: ArrayLike,
    *,
    edge_step: bool = False,
    gaussian_sigma_ev: float | Literal["fit"] = 0.0,
    phase: bool = False,
    max_peaks: int | None = None,
    background: Background = "auto",
    edge_kind: Edge = "auto",
    edge_splitting_ev: float = 0.0,
    energy_range: tuple[float, float] | None = None,
    noise_floor: float = 0.0,
) -> Decomposition:
    """Split a spectrum into peaks; their number comes from the data.

    Parameters
    ----------
    energy_ev, intensity : float (n,)
        Strictly ascending energies, eV, on any grid; intensities in any unit.
    edge_step : bool
        Whether there is an absorption edge (a step up) under the peaks.
    gaussian_sigma_ev : float | "fit"
        Standard deviation of the instrument's Gaussian, eV.
    phase : bool
        Whether peaks may be dispersive (Fano-like, or negative).
    max_peaks : int, optional
        At most so many (default 40, or a peak in 8 points).
    background : str
        ``auto`` chooses none, a constant, a line or a ``flank`` (of an edge beyond the range) by
        the criterion; ``power`` is E^-r.
    edge_kind : str
        ``auto`` chooses by the fit.
    edge_splitting_ev : float
        Distance of a second step of half the height and the same width, eV (L2 after L3, in the
        statistical ratio 2:1); 0 for one step.
    energy_range : (low, high), optional
        Use this part only, eV.
    noise_floor : float
        Root mean square residual, relative to the highest point, that need not be explained:
        for computed spectra, which have no noise but many more lines than peaks.

    Raises
    ------
    InputError
        Too few points, values that are not finite, energies out of order, constant data, options
        out of range; peaks that point down without ``phase``.
    """
    energy, y, scale = _checked(energy_ev, intensity, energy_range)
    sigma = _checked_sigma(gaussian_sigma_ev, energy)
    if background != "auto" and background not in BACKGROUND_TERMS:
        raise InputError("background", background, f"not one of auto, {list(BACKGROUND_TERMS)}")
    if edge_kind != "auto" and edge_kind not in EDGE_KINDS:
        raise InputError("edge_kind", edge_kind, f"not one of auto, {list(EDGE_KINDS)}")
    if not 0.0 <= edge_splitting_ev < energy[-1] - energy[0]:
        reason = "must lie between 0 and the width of the range"
        raise InputError("edge_splitting_ev", edge_splitting_ev, reason)
    if edge_splitting_ev and not edge_step:
        raise InputError("edge_splitting_ev", edge_splitting_ev, "needs edge_step")
    if background == "power" and energy[0] <= 0.0:
        raise InputError("energy_ev", float(energy[0]), "a power law needs positive energies")
    if not 0.0 <= noise_floor < 1.0:
        raise InputError("noise_floor", noise_floor, "must lie between 0 and 1")
    cap = min(DEFAULT_MAX_PEAKS, max(1, energy.size // 8))
    if max_peaks is not None:
        if isinstance(max_peaks, bool) or int(max_peaks) != max_peaks or max_peaks < 1:
            raise InputError("max_peaks", max_peaks, "must be a whole number of at least 1")
        cap = min(int(max_peaks), max(1, energy.size // 8))

    grid = work_grid(energy, y)
    backgrounds = AUTO if background == "auto" else (background,)
    edge = None
    if edge_step:
        edge = "arctan" if edge_kind == "auto" else edge_kind
    options = Options(
        sigma=sigma or 0.0,
        phase=phase,
        background=FIRST_BACKGROUND if background == "auto" else background,
        edge=edge,
        splitting=edge_splitting_ev,
        noise_floor=max(noise_floor, ROUNDED * rounding_noise(y)),
    )
    budget = Budget()
    problem = Problem(grid.energy, grid.intensity, options, budget)
    if sigma is None:
        best, trace = _fit_sigma(problem, cap, backgrounds)
    else:
        best, trace = _search(problem, SEARCH_WORK, cap, backgrounds)
    elsewhere: tuple[Parameters, ...] = ()
    if edge_step:
        budget.grant(0.5 * SEARCH_WORK)
        choice = place_edge(trace, best)
        if edge_kind == "auto":
            # Peaks that stood in for the right shape take many moves to drop.
            budget.grant(0.5 * SEARCH_WORK)
            choice = shape_edge(trace, choice)
        best, elsewhere = choice.best, choice.elsewhere
    budget.grant(0.5 * SEARCH_WORK)
    if not grid.same:
        best, trace = _on_own_grid(energy, y, best, cap, backgrounds)
    noise = noise_level(energy, y)
    if best.fit.rss > residual_floor(best.problem):
        budget.grant(0.5 * SEARCH_WORK)
        best, trace = whitened(best, trace, backgrounds)
    broadened = None
    # Computed lines have the shape they were given: neighbours imitate no Gaussian.
    if sigma == 0.0 and not phase and noise_floor == 0.0:
        budget.grant(0.5 * SEARCH_WORK)
        broadened = _broadened(best, grid, backgrounds)
    wanted = best.fit.n_peaks
    if broadened is None and not determined(best):
        budget.grant(0.5 * SEARCH_WORK)
        simple = simpler(best, backgrounds)
        accepted = tolerated(simple, best)
        if accepted is not None:
            simple, wanted = accepted, accepted.fit.n_peaks
        best = simple
    best = trace.judge(best.problem, polish(best.problem, best.fit))
    rivals = rivals_of(trace, best, elsewhere)
    verdict = judge_model(
        best,
        grid,
        noise,
        cap=cap,
        cap_given=max_peaks is not None,
        broadened=broadened,
        other_edges=[one.fit.parameters.edge[0] for one in rivals],
        wanted=wanted,
    )
    return build_result(best, rivals, trace, verdict, scale, noise)


# steps --------------------------------------------------------------------------------
def _search(
    problem: Problem, work: float, cap: int, backgrounds: tuple[str, ...]
) -> tuple[Candidate, Search]:
    """Seeds, then moves, under fixed options."""
    search = Search(Dictionary(problem), cap, backgrounds)
    if problem.options.edge:
        problem.budget.grant(0.6 * work)
        first, *others = edge_starts(problem)
        best = search.run(problem, first, thorough=False)
        for other in others:
            problem.budget.grant(0.2 * work)
            found = search.run(problem, other, moves=25, thorough=False)
            best = min(best, found, key=_criterion)
        _refuse_two_signs(best, cap, backgrounds)
        problem.budget.grant(0.2 * work)
        best = sown_again(search, best)
        return search.run(best.problem, best.fit.parameters), search
    problem.budget.grant(work)
    with_line = problem
    if backgrounds == AUTO:
        with_line = problem.with_options(replace(problem.options, background="linear"))
    seeds = prune(with_line, esprit_candidates(problem, problem.intensity))
    start = search.refined(problem, seeds)
    if with_line is not problem:
        start = min(start, search.refined(with_line, seeds), key=_criterion)
    _refuse_two_signs(start, cap, backgrounds)
    problem.budget.grant(work)
    return search.run(start.problem, start.fit.parameters), search


def _refuse_two_signs(first: Candidate, cap: int, backgrounds: tuple[str, ...]) -> None:
    """InputError where peaks point down and only those that point up are asked for."""
    if first.problem.options.phase:
        return
    down = dips(first.problem, first.fit, backgrounds, cap)
    if down.size:
        raise InputError("intensity", "data of two signs", points_down(down))


def _criterion(found: Candidate) -> float:
    return found.criterion


def _fit_sigma(
    problem: Problem, cap: int, backgrounds: tuple[str, ...]
) -> tuple[Candidate, Search]:
    """As :func:`_search` with the instrument's width among the parameters."""
    widths = []
    sigma = 2.0 * problem.step
    while sigma < 0.04 * problem.span:
        widths.append(sigma)
        sigma *= 2.0
    share = SEARCH_WORK / (1 + len(widths))
    best, trace = _search(problem, share, cap, backgrounds)
    for sigma in widths:
        fixed = problem.with_options(replace(problem.options, sigma=sigma))
        found, search = _search(fixed, 0.5 * share, cap, backgrounds)
        free = found.problem.with_options(replace(found.problem.options, fit_sigma=True))
        problem.budget.grant(0.5 * share)
        found = search.run(free, replace(found.fit.parameters, sigma=sigma))
        if found.criterion < best.criterion:
            best, trace = found, search
    return best, trace


def _broadened(best: Candidate, grid: WorkGrid, backgrounds: tuple[str, ...]) -> Candidate | None:
    """A fit with an instrument Gaussian, if it beats the pure Lorentzians of ``best``."""
    sigma = suspected_sigma(best.problem, best.fit)
    if sigma is None or to_rounding(best):
        return None
    # no peaks are added: the point is to need fewer
    search = Search(None, best.fit.n_peaks, backgrounds)
    o = replace(best.problem.options, sigma=sigma)
    coarse = Problem(grid.energy, grid.intensity, o, best.problem.budget)
    seeds = prune(coarse, esprit_candidates(coarse, coarse.intensity))
    fixed = search.run(coarse, seeds, moves=20)
    free = best.problem.with_options(replace(fixed.problem.options, fit_sigma=True))
    found = search.refined(free, replace(fixed.fit.parameters, sigma=sigma), rival=best)
    if found.criterion < best.criterion + PROMISING:
        found = search.run(free, found.fit.parameters)
    return found if found.criterion < best.criterion - DECISIVE else None


def _on_own_grid(
    energy: Floats, y: Floats, best: Candidate, cap: int, backgrounds: tuple[str, ...]
) -> tuple[Candidate, Search]:
    """Refine and prune on the spectrum's own points, which hold all the information."""
    search = Search(None, cap, backgrounds)
    problem = Problem(energy, y, best.problem.options, best.problem.budget)
    return search.run(problem, best.fit.parameters), search


# checks -------------------------------------------------------------------------------
def _checked(
    energy_ev: ArrayLike, intensity: ArrayLike, energy_range: tuple[float, float] | None
) -> tuple[Floats, Floats, float]:
    """Energy, intensity scaled to a highest absolute value of 1, and that scale."""
    energy = _as_floats("energy_ev", energy_ev)
    y = _as_floats("intensity", intensity)
    if energy.size != y.size:
        raise InputError("intensity", y.size, f"has not the {energy.size} points of energy_ev")
    backwards = np.flatnonzero(np.diff(energy) <= 0.0)
    if backwards.size:
        at = int(backwards[0]) + 1
        reason = f"must ascend strictly; point {at} does not"
        raise InputError("energy_ev", float(energy[at]), reason)
    if energy_range is not None:
        low, high = (float(v) for v in energy_range)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise InputError("energy_range", energy_range, "must be two ascending energies, eV")
        inside = (energy >= low) & (energy <= high)
        if not inside.any():
            have = f"{energy[0]:g} to {energy[-1]:g} eV"
            raise InputError("energy_range", energy_range, f"outside the spectrum, {have}")
        energy, y = energy[inside], y[inside]
    if energy.size < MIN_POINTS:
        raise InputError("energy_ev", energy.size, f"needs at least {MIN_POINTS} points")
    scale = float(np.abs(y).max())
    if np.ptp(y) <= 1e-12 * scale:
        raise InputError("intensity", float(y[0]), "is constant: there are no peaks")
    return energy, y / scale, scale


def _as_floats(name: str, values: ArrayLike) -> Floats:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(name, type(values).__name__, "must be real numbers") from error
    if array.ndim != 1:
        raise InputError(name, array.shape, "must be one-dimensional")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise InputError(name, float(array[bad[0]]), f"is not finite at point {int(bad[0])}")
    return array


def _checked_sigma(value: float | str, energy: Floats) -> float | None:
    """The known σ, or None where it is to be fitted."""
    if value == "fit":
        return None
    if isinstance(value, str | bool) or not isinstance(value, int | float | np.number):
        raise InputError("gaussian_sigma_ev", value, 'must be a number of eV or "fit"')
    sigma, span = float(value), float(energy[-1] - energy[0])
    if not 0.0 <= sigma < 0.25 * span:
        raise InputError("gaussian_sigma_ev", value, f"must lie between 0 and {0.25 * span:g} eV")
    if 0.0 < sigma < _LEAST_SIGMA_EV:
        raise InputError("gaussian_sigma_ev", value, f"must be 0 or at least {_LEAST_SIGMA_EV:g}")
    return sigma
