"""Where the edge stands: many starts, and a choice among places that fit alike.

A step of height H found δ too late lacks an area Hδ that peaks can supply, so the sum of squares
has a minimum on either side of every peak near the edge, often equally deep. They are sought out
one by one and judged by the evidence, not by the sum of squares alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from compute.peaks.judging import Candidate, peak_sizes
from compute.peaks.model import EDGE_KINDS, Fit, Parameters, Problem
from compute.peaks.refine import active, refine
from compute.peaks.search import Search
from compute.peaks.seeds import esprit_candidates, prune

# Displacements tried, in widths of the edge and its surroundings
DISPLACEMENTS = (-4.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 4.0)
SAME_EDGE = 0.2  # distance in widths below which two edges are one
KEPT = 5  # displaced edges that are followed to their minimum
RIVAL = 10.0  # rise of the criterion beyond which a minimum is no rival
OPEN = 0.05  # odds beyond which another place of the edge counts
STAND_IN_REACH = 3.0  # widths from the edge within which a peak may stand in for its shape
MOST_STAND_INS = 3
# -2 ln prior odds against a shape
ODDS = {"arctan": 0.0, "broadened arctan": 0.0, "erf": 6.0}


@dataclass(frozen=True)
class EdgeChoice:
    """The best fit with an edge, and other minima with as many peaks that fit nearly as well."""

    best: Candidate
    elsewhere: tuple[Parameters, ...] = ()


@dataclass(frozen=True)
class Rival:
    """Another minimum with the same terms, and its evidence over that of the best."""

    fit: Fit
    odds: float


def edge_starts(problem: Problem, *, trials: int = 10, keep: int = 3) -> list[Parameters]:
    """The best few starts with an edge: steps tried along the axis, peaks by ESPRIT on the rest.

    The height of the step is first read off the ends of the spectrum. Starts whose edges
    meet after a few iterations count once.
    """
    y, n = problem.intensity, problem.energy.size
    ends = max(3, n // 50)
    height = max(float(np.median(y[-ends:]) - np.median(y[:ends])), 0.0)
    found: list[Fit] = []
    for position in np.linspace(problem.low, problem.high, trials + 2)[1:-1]:
        edge = (float(position), 0.02 * problem.span)
        step = problem.edge_row(*edge, problem.options.sigma)
        seeds = replace(esprit_candidates(problem, y - height * step), edge=edge)
        found.append(refine(problem, prune(problem, seeds), iterations=6))
    return [fit.parameters for fit in _apart(found, keep, 1.0)]


def sown_again(search: Search, found: Candidate) -> Candidate:
    """A second search from the peaks that ESPRIT sees with the edge of the first taken off."""
    problem, fit = found.problem, found.fit
    j = fit.n_peaks
    smooth = slice(j * (1 + problem.options.phase), problem.n_linear(j))
    under = fit.coefficients[smooth] @ fit.rows[smooth]
    seeds = esprit_candidates(problem, problem.intensity - under)
    start = replace(seeds, edge=fit.parameters.edge, sigma=fit.parameters.sigma)
    again = search.run(problem, prune(problem, start), thorough=False)
    return min(found, again, key=_criterion)


def place_edge(search: Search, found: Candidate) -> EdgeChoice:
    """The minimum of the best evidence among those reached from displaced edges.

    A displaced edge that lowers the criterion is a new start of the search; among minima with
    the same terms the evidence decides.
    """
    best = found
    rivals: list[Candidate] = []
    for _ in range(4):
        rivals = _displaced(search, best)
        better = min(rivals, key=_criterion, default=best)
        if not search.wins(better, best) or best.problem.budget.exhausted:
            break
        best = search.run(better.problem, better.fit.parameters, moves=25)
    alike = [one for one in rivals if one.fit.n_peaks == best.fit.n_peaks]
    alike = [one for one in alike if one.criterion < best.criterion + RIVAL]
    alike.append(best)
    alike.sort(key=minus_twice_log_evidence)
    best, *others = alike
    return EdgeChoice(best, tuple(one.fit.parameters for one in others))


def rivals_of(search: Search, best: Candidate, elsewhere: tuple[Parameters, ...]) -> list[Rival]:
    """The minima at ``elsewhere`` under the options of ``best``, each edge once.

    Noise may make a wrong place of the edge the best by chance: with these, the standard errors
    are those of all places, each as likely as its evidence says.
    """
    if not elsewhere:
        return []
    lowest = minus_twice_log_evidence(best)
    rivals: list[Rival] = []
    places = [best.fit.parameters.edge[0]]
    for start in elsewhere:
        one = search.refined(best.problem, start)
        position, width = one.fit.parameters.edge
        if one.fit.n_peaks == best.fit.n_peaks and all(
            abs(position - place) > SAME_EDGE * width for place in places
        ):
            odds = math.exp(min(0.5 * (lowest - minus_twice_log_evidence(one)), 0.0))
            if odds > OPEN:
                rivals.append(Rival(one.fit, odds))
                places.append(position)
    return rivals


def shape_edge(search: Search, choice: EdgeChoice) -> EdgeChoice:
    """Under the other shapes of the edge, with the same peaks or without those that stood in
    for the right shape; placed again where the shape changes."""
    best = choice.best
    for kind in EDGE_KINDS:
        o = best.problem.options
        if kind == o.edge or (kind == "broadened arctan" and not (o.sigma or o.fit_sigma)):
            continue
        problem = best.problem.with_options(replace(o, edge=kind))
        same = search.refined(problem, best.fit.parameters)
        fewer = [search.refined(problem, p, rival=best) for p in _without_stand_ins(best)]
        trial = min([same, *fewer, *_displaced(search, same)], key=_criterion)
        if trial.criterion < best.criterion - ODDS[kind] + ODDS[str(o.edge)]:
            best = search.run(problem, trial.fit.parameters)
    return choice if best is choice.best else place_edge(search, best)


def _without_stand_ins(found: Candidate) -> list[Parameters]:
    """Without the one, two or three peaks nearest to the edge, which moves to make up for their
    areas: a step of height H found δ too late lacks an area Hδ."""
    problem, fit, p = found.problem, found.fit, found.fit.parameters
    position, width = p.edge
    height = float(fit.coefficients[problem.n_linear(fit.n_peaks) - 1])
    nearest = np.argsort(np.abs(p.position - position))
    sizes = peak_sizes(problem, fit)
    reach = STAND_IN_REACH * (width + problem.options.sigma)
    starts = []
    for count in range(1, min(MOST_STAND_INS, fit.n_peaks) + 1):
        gone = nearest[:count]
        if abs(p.position[gone[-1]] - position) > reach or height <= 0.0:
            break
        place = position - min(float(sizes[gone].sum()) / height, reach)
        kept = ~np.isin(np.arange(fit.n_peaks), gone)
        starts.append(replace(p.take(kept), edge=(max(place, problem.low), width)))
    return starts


def minus_twice_log_evidence(found: Candidate) -> float:
    """Laplace's approximation, up to what minima with the same terms have in common.

    The criterion counts parameters; the determinant of the Fisher matrix says how much room
    each minimum leaves them (MacKay, Neural Comput. 4 (1992) 415).
    """
    problem, fit = found.problem, found.fit
    keep = active(problem, fit)
    columns = fit.rows[keep]
    norms = np.sqrt(np.sum(columns * columns, axis=1))
    triangle = np.diag(np.linalg.qr((columns / norms[:, None]).T, mode="r"))
    volume = np.log(np.maximum(np.abs(triangle), 1e-300) * norms).sum()
    per_point = max(fit.rss, 1e-300) / problem.n_independent
    return found.criterion + 2.0 * float(volume) - keep.size * math.log(per_point)


def _displaced(search: Search, now: Candidate) -> list[Candidate]:
    """Other minima with the same peaks, from edges displaced by about a width."""
    problem, p = now.problem, now.fit.parameters
    position, width = p.edge
    near = np.abs(p.position - position) < 6.0 * width + 2.0 * p.hwhm
    scale = max([width, *p.hwhm[near]])
    tried: list[Fit] = []
    for shift in DISPLACEMENTS:
        place = position + shift * scale
        if problem.low < place < problem.high and not problem.budget.exhausted:
            start = replace(p, edge=(place, width))
            tried.append(refine(problem, start, iterations=10))
    rivals: list[Candidate] = []
    for fit in _apart([now.fit, *tried], KEPT, SAME_EDGE):
        if fit is not now.fit and not problem.budget.exhausted:
            rivals.append(search.refined(problem, fit.parameters))
    return rivals


def _apart(fits: list[Fit], keep: int, widths: float) -> list[Fit]:
    """The best few whose edges are more than so many of their widths apart."""
    chosen: list[Fit] = []
    for fit in sorted(fits, key=lambda fit: fit.rss):
        position, width = fit.parameters.edge
        if all(abs(position - other.parameters.edge[0]) > widths * width for other in chosen):
            chosen.append(fit)
    return chosen[:keep]


def _criterion(found: Candidate) -> float:
    return found.criterion
