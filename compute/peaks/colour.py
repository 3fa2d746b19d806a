"""Noise that neighbouring points have in common: smoothed, interpolated and digitised spectra.

Such noise leaves fewer independent points than there are, n/(1 + 2 Σ ρ_k) with ρ_k the correlation
of points k apart (Bartlett, J. R. Stat. Soc. B 8 (1946) 27), and everything that is judged by their
number, peaks and standard errors, must be judged by theirs.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from compute.peaks.judging import Candidate
from compute.peaks.lineshapes import Floats
from compute.peaks.search import Search

CERTAIN = 4.0  # standard deviations of the correlation of white noise that are no chance
MAX_LENGTH = 0.5  # correlation length over the median HWHM beyond which it is no noise
_ROUNDS = 8
_SAME = 0.95  # ratio of two shares that are alike


def correlation(residual: Floats, lag: int = 1) -> float:
    """Correlation of residuals ``lag`` points apart."""
    return float(residual[lag:] @ residual[:-lag] / max(float(residual @ residual), 1e-300))


def independent_share(residual: Floats) -> float:
    """Share of the points that count as independent; 1 unless the correlation is no chance."""
    n = residual.size
    if correlation(residual) * math.sqrt(n) < CERTAIN:
        return 1.0
    total = 1.0
    for lag in range(1, n // 4):
        rho = correlation(residual, lag)
        if rho * math.sqrt(n) < 1.0:
            break
        total += 2.0 * rho
    return 1.0 / total


def whitened(
    found: Candidate, trace: Search, backgrounds: tuple[str, ...]
) -> tuple[Candidate, Search]:
    """``found`` judged by its independent points: peaks that followed the noise are left out.

    The fewer peaks, the more of the noise the residual shows, hence several rounds.
    """
    for _ in range(_ROUNDS):
        share = independent_share(found.fit.residual)
        if share > _SAME * found.problem.options.independent or found.problem.budget.exhausted:
            break
        problem = found.problem.with_options(replace(found.problem.options, independent=share))
        search = Search(None, max(found.fit.n_peaks, 1), backgrounds)
        fewer = search.run(problem, found.fit.parameters)
        if length_over_width(fewer) > MAX_LENGTH:
            break  # structure of peaks, not of noise
        found, trace = fewer, search
    return found, trace


def tolerated(simple: Candidate, wanted: Candidate) -> Candidate | None:
    """``simple`` as the answer where its residual is taken for correlated noise; None where
    ``wanted``, which has more peaks, is better even then.

    A fit with too many peaks leaves a residual that looks white; either view may be consistent.
    """
    share = independent_share(simple.fit.residual)
    options = replace(wanted.problem.options, independent=share)
    options = replace(options, background=simple.problem.options.background)
    problem = simple.problem.with_options(options)
    search = Search(None, max(simple.fit.n_peaks, 1), (options.background,))
    answer = search.refined(problem, simple.fit.parameters)
    same = replace(wanted.problem.options, independent=share)
    rival = search.judge(wanted.problem.with_options(same), wanted.fit)
    noise = length_over_width(answer) < MAX_LENGTH
    return answer if noise and answer.criterion <= rival.criterion else None


def length_over_width(found: Candidate) -> float:
    """Correlation length of the noise over the median HWHM of the peaks: of noise it is small."""
    problem = found.problem
    if not found.fit.n_peaks:
        return 0.0
    length = problem.step / problem.options.independent
    return float(length / np.median(found.fit.parameters.hwhm))
