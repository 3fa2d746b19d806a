"""Peaks that point down: data of two signs, such as dichroism, are told from peaks and background.

Peaks that point up cannot follow a dip, and a search with them alone ends in dozens of wide ones.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from compute.peaks.judging import chi2_to_drop, peak_sizes, residual_floor
from compute.peaks.lineshapes import Floats
from compute.peaks.model import Fit, Problem
from compute.peaks.search import Dictionary, Search
from compute.peaks.seeds import esprit_candidates, noise_level, prune

POOR = 3.0  # residual over noise of a first fit beyond which its signs are doubted
WHITE = 1.5  # residual over noise up to which a fit explains the data
CERTAIN = 100.0  # χ² to drop of a peak that is no chance
DEPTH = 0.03  # of the range of intensities: least depth of a dip
DIP = 0.05  # of the range: residual below a final fit that is a dip
# Of a search with phases, and of the one without that is given as much again, in multiplications
WORK = 2e9


def dips(problem: Problem, first: Fit, backgrounds: tuple[str, ...], cap: int) -> Floats:
    """Where peaks point down in data that peaks of either sign explain, and others do not, (k,) eV.

    Parameters
    ----------
    problem : Problem
        Without phases.
    first : Fit
        A first fit: where it is good nothing more is asked.
    backgrounds, cap
        As of the search.
    """
    noise = noise_level(problem.energy, problem.intensity)
    if _rms(problem, first) < POOR * noise or first.rss <= residual_floor(problem):
        return np.zeros(0)
    signed = problem.with_options(replace(problem.options, phase=True))
    search = Search(Dictionary(signed), cap, backgrounds)
    problem.budget.grant(WORK)
    sown = signed.intensity
    if signed.options.edge:
        last = first.coefficients.size - 1
        sown = sown - first.coefficients[last] * first.rows[last]
    seeds = replace(esprit_candidates(signed, sown), edge=first.parameters.edge)
    found = search.run(signed, prune(signed, seeds), thorough=False)
    down = _pointing_down(found.problem, found.fit, noise)
    if _rms(found.problem, found.fit) > WHITE * noise or not down.size:
        return np.zeros(0)
    problem.budget.grant(WORK)
    upward = Search(Dictionary(problem), cap, backgrounds)
    other = upward.run(problem, first.parameters, thorough=False)
    return down if other.criterion > found.criterion else np.zeros(0)


def points_down(places: Floats) -> str:
    """What to say of dips there."""
    at = ", ".join(f"{place:.2f}" for place in places)
    return f"negative: use --phase (peaks of either sign; these point down at {at} eV)"


def left_below(problem: Problem, fit: Fit, noise: float) -> float | None:
    """Where data run farthest below a fit that cannot follow them, eV; None where they do not."""
    k = int(np.argmin(fit.residual))
    depth = max(10.0 * noise, DIP * float(np.ptp(problem.intensity)))
    return float(problem.energy[k]) if fit.residual[k] < -depth else None


def _pointing_down(problem: Problem, fit: Fit, noise: float) -> Floats:
    """Positions of the peaks whose tops lie below the background, ascending."""
    j = fit.n_peaks
    size = peak_sizes(problem, fit)
    terms = slice(2 * j, problem.n_linear(j))
    under = fit.coefficients[terms] @ fit.rows[terms]
    at = fit.parameters.position
    model = problem.intensity - fit.residual
    below = np.interp(at, problem.energy, under - model)
    deep = below > max(10.0 * noise, DEPTH * float(np.ptp(problem.intensity)))
    down = fit.coefficients[:j] < -math.cos(math.pi / 4.0) * size
    certain = chi2_to_drop(problem, fit) > CERTAIN if j else np.zeros(0, dtype=bool)
    return np.sort(at[deep & down & certain])


def _rms(problem: Problem, fit: Fit) -> float:
    return math.sqrt(fit.rss / problem.energy.size)
