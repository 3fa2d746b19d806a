"""Exchanges between peaks and what is under them: a wide peak for background, one for another.

A constant is the limit of a peak that grows wider and larger, the flank of an edge beyond the range
that of a peak at its end: a descent from one does not reach the other, so they are tried. What is
worth trying is forecast to first order, with everything that stays re-optimised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compute.peaks.background import BACKGROUND_TERMS, LADDER, SHAPES, flank_slopes, wings
from compute.peaks.judging import Candidate, criterion, project
from compute.peaks.lineshapes import Floats
from compute.peaks.model import Parameters, Problem
from compute.peaks.refine import active

WIDE = 0.1  # HWHM over the range from which on a peak may stand in for background
PROSPECT = 100.0  # how far above the present criterion a forecast may lie: it is a rough one
MOST_WIDE = 3

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Exchange:
    """A start with other peaks or another background, and the criterion forecast for it."""

    problem: Problem
    start: Parameters
    forecast: float


def other_backgrounds(now: Candidate, kinds: tuple[str, ...]) -> Iterator[Exchange]:
    """The same peaks under every other background, in the order of ``kinds``."""
    everyone = np.arange(now.fit.n_peaks)
    tangent, left = _without(now, everyone)
    for kind in kinds:
        if kind != now.problem.options.background:
            yield _under(now, everyone, kind, tangent, left)


def peaks_to_background(now: Candidate, kinds: tuple[str, ...]) -> Iterator[Exchange]:
    """Without the widest peaks or those at the ends, under each background, likeliest first."""
    found: list[Exchange] = []
    for gone in _suspects(now):
        kept = np.setdiff1d(np.arange(now.fit.n_peaks), gone)
        tangent, left = _without(now, kept)
        found.extend(_under(now, kept, kind, tangent, left) for kind in kinds)
    found.sort(key=lambda one: one.forecast)
    for one in found:
        if one.forecast > now.criterion + PROSPECT:
            break
        yield one


def _suspects(now: Candidate) -> list[Indices]:
    """Sets of peaks that background may replace: each alone, then the widest together."""
    problem, p = now.problem, now.fit.parameters
    nearest_end = np.minimum(p.position - problem.low, problem.high - p.position)
    doubtful = (p.hwhm > WIDE * problem.span) | (nearest_end < 0.5 * p.hwhm)
    order = np.argsort(-p.hwhm)
    order = order[doubtful[order]][:MOST_WIDE]
    alone = [order[k : k + 1] for k in range(order.size)]
    return alone + [order[: k + 1] for k in range(1, order.size)]


def _without(now: Candidate, kept: Indices) -> tuple[Floats, Floats]:
    """What is left (n,) without background and with these peaks only, and the tangent space
    (k, n) of what stays, whose part of it is taken off."""
    problem, fit = now.problem, now.fit
    o, j = problem.options, fit.n_peaks
    n_lin = problem.n_linear(j)
    first = j * (1 + o.phase)
    background = np.arange(first, first + BACKGROUND_TERMS[o.background])
    gone = np.setdiff1d(np.arange(j), kept)
    lost = np.concatenate([gone, gone + j, background] if o.phase else [gone, background])
    target = fit.residual + fit.coefficients[lost] @ fit.rows[lost]
    shapes = np.arange(len(fit.rows) - SHAPES[o.background], len(fit.rows))
    slopes = (n_lin + gone, n_lin + j + gone, shapes)
    stays = np.setdiff1d(active(problem, fit), np.concatenate([lost, *slopes]))
    return project(fit, stays, target)


def _under(now: Candidate, kept: Indices, kind: str, tangent: Floats, left: Floats) -> Exchange:
    """These peaks with a background of this kind that takes up what it can of ``left``."""
    problem = now.problem.with_options(replace(now.problem.options, background=kind))
    start = now.fit.parameters.take(kept)
    if kind != "flank":
        rss = _rss_with(problem.background_rows(start), tangent, left)
        return Exchange(problem, start, criterion(problem, rss, kept.size))
    options: list[Exchange] = []
    for wing in wings(problem.low, problem.high):
        begin = replace(start, wing=wing)
        rows = np.vstack([problem.background_rows(begin), flank_slopes(problem.energy, wing)])
        rss = _rss_with(rows, tangent, left)
        options.append(Exchange(problem, begin, criterion(problem, rss, kept.size)))
    return min(options, key=lambda one: one.forecast)


def _rss_with(rows: Floats, tangent: Floats, left: Floats) -> float:
    """Sum of squares that further rows leave of ``left``, with the tangent space re-optimised."""
    if not len(rows):
        return float(left @ left)
    outside = rows - (rows @ tangent.T) @ tangent
    rise = np.linalg.lstsq(outside.T, left, rcond=None)[0]
    rest = left - rise @ outside
    return float(rest @ rest)


def poorer(kind: str) -> tuple[str, ...]:
    """Backgrounds of fewer terms than this one, the richest first."""
    have = BACKGROUND_TERMS[kind]
    return tuple(one for one in reversed(LADDER) if BACKGROUND_TERMS[one] < have)
