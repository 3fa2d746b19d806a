"""Fewer peaks where the data do not determine those that the criterion asks for.

Lines that are not Lorentzian, digitised curves and energies with errors of their own leave a
residual that ever more peaks lower significantly, while none of them is determined any longer.
Such a spectrum has no number of Lorentzians; it is described with a tolerance instead, the
smallest under which the peaks mean something.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from compute.peaks.judging import Candidate, chi2_to_drop, residual_floor
from compute.peaks.search import Search

DETERMINED = 16.0  # squared: an area of 4 standard errors
MAX_DOUBTFUL = 1.0 / 3.0  # share of undetermined peaks that a meaningful fit may have
MAX_TOLERANCE = 0.05  # of the highest point
_GROWTH = 1.5


def doubtful(found: Candidate) -> int:
    """How many peaks have areas below 4 standard errors."""
    if not found.fit.n_peaks:
        return 0
    return int(np.sum(chi2_to_drop(found.problem, found.fit) < DETERMINED))


def determined(found: Candidate) -> bool:
    """Whether most peaks are: a few weak ones may always be there."""
    count = doubtful(found)
    return count < 3 or count <= MAX_DOUBTFUL * found.fit.n_peaks


def simpler(found: Candidate, backgrounds: tuple[str, ...]) -> Candidate:
    """``found`` with its noise floor raised step by step until its peaks are determined."""
    height = float(np.abs(found.problem.intensity).max())
    # A curved background is as little determined beside lines of another shape as many peaks are.
    backgrounds = tuple(one for one in backgrounds if one != "flank") or backgrounds
    while not determined(found):
        problem = found.problem
        rms = math.sqrt(max(found.fit.rss, residual_floor(problem)) / problem.energy.size)
        tolerance = _GROWTH * rms / height
        if tolerance > MAX_TOLERANCE or problem.budget.exhausted:
            break
        options = replace(problem.options, noise_floor=tolerance)
        if options.background not in backgrounds:
            options = replace(options, background=backgrounds[-1])
        coarser = problem.with_options(options)
        # nothing is added: what is there already explains more than is asked
        search = Search(None, found.fit.n_peaks, backgrounds)
        found = search.run(coarser, found.fit.parameters)
    return found
