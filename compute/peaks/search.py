"""How many peaks: forward, backward, merging and background moves judged by a criterion."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from compute.peaks.exchange import other_backgrounds, peaks_to_background, poorer
from compute.peaks.judging import (
    DEEP_PENALTY,
    Candidate,
    chi2_to_drop,
    criterion,
    deep,
    peak_sizes,
    penalty,
    residual_floor,
    tangent_space,
    to_rounding,
)
from compute.peaks.lineshapes import Floats, profiles
from compute.peaks.model import Fit, Parameters, Problem
from compute.peaks.refine import polish, refine

INDISPENSABLE = 1e4  # χ² to drop beyond which a peak is no half of another
SETTLED = 400.0  # χ² to drop beyond which a peak stays where it is
MOST_RELOCATED = 4
TWINS = 0.1  # distance over summed widths of two peaks below which χ² to drop is rounding errors
SLACK = 4.0  # how wrong a first-order forecast of the criterion may be
WORTHWHILE = 0.5  # least fall of the criterion for which a move is made
WIDTH_RATIO = 1.8

_CHUNK = 64  # profiles made at a time


class Dictionary:
    """Peaks on a grid of positions and widths, to find where one more would help."""

    def __init__(self, problem: Problem) -> None:
        sigma = problem.options.sigma
        narrow = max(0.8 * problem.step, 0.3 * sigma)
        octaves = math.log(max(2.0, problem.span / 8.0 / narrow)) / math.log(WIDTH_RATIO)
        centre, hwhm = [], []
        for w in narrow * WIDTH_RATIO ** np.arange(1 + math.ceil(octaves)):
            spacing = max(problem.step, 0.6 * math.hypot(w, sigma))
            at = np.linspace(problem.low, problem.high, 2 + int(problem.span / spacing))
            centre.append(at)
            hwhm.append(np.full(at.size, w))
        self.centre, self.hwhm = np.concatenate(centre), np.concatenate(hwhm)
        self._energy, self._options = problem.energy, problem.options

    @cached_property
    def atoms(self) -> list[NDArray[np.float32]]:
        """Profiles of unit norm, (m, n): absorptive, and dispersive where peaks have phases."""
        kinds = 2 if self._options.phase else 1
        shape = (self.centre.size, self._energy.size)
        atoms = [np.empty(shape, dtype=np.float32) for _ in range(kinds)]
        for first in range(0, self.centre.size, _CHUNK):
            some = slice(first, first + _CHUNK)
            parts = profiles(self._energy, self.centre[some], self.hwhm[some], self._options.sigma)
            for kind, part in zip(atoms, parts, strict=False):
                kind[some] = part / np.sqrt(np.einsum("ij,ij->i", part, part))[:, None]
        return atoms

    def gains(self, problem: Problem, fit: Fit) -> Floats:
        """Fall of the sum of squares that a small peak at each atom would bring, to first order
        with everything else re-optimised (Rao's score test); 0 where its area is negative."""
        q, residual = tangent_space(problem, fit)
        scale = float(np.abs(residual).max()) or 1.0
        unit, tangent = (residual / scale).astype(np.float32), q.astype(np.float32).T
        problem.budget.spend(self.centre.size * problem.energy.size * len(q) / 2.0)
        pulls = [atoms @ unit for atoms in self.atoms]
        inside = [atoms @ tangent for atoms in self.atoms]
        left = [1.0 - np.einsum("ij,ij->i", t, t) for t in inside]
        if len(pulls) == 1:
            good = (pulls[0] > 0.0) & (left[0] > 1e-4)
            gain = np.where(good, pulls[0] ** 2 / np.maximum(left[0], 1e-4), 0.0)
        else:
            cross = np.einsum("ij,ij->i", *self.atoms) - np.einsum("ij,ij->i", *inside)
            det = left[0] * left[1] - cross**2
            form = left[1] * pulls[0] ** 2 + left[0] * pulls[1] ** 2
            form -= 2.0 * cross * pulls[0] * pulls[1]
            gain = np.where(det > 1e-4, form / np.maximum(det, 1e-4), 0.0)
        return np.asarray(gain * scale**2, dtype=np.float64)


class Search:
    """Moves from one model to a better one; remembers the best for each number of peaks.

    Parameters
    ----------
    dictionary : Dictionary | None
        None leaves out the move that adds a peak.
    max_peaks : int
    backgrounds : tuple of str
        Which backgrounds may be chosen.
    """

    def __init__(
        self, dictionary: Dictionary | None, max_peaks: int, backgrounds: tuple[str, ...]
    ) -> None:
        self.dictionary, self.max_peaks, self.backgrounds = dictionary, max_peaks, backgrounds
        self.best: dict[int, Candidate] = {}

    # judging --------------------------------------------------------------------------
    def judge(self, problem: Problem, fit: Fit) -> Candidate:
        """The criterion of a fit; remembered if it is the best of its number of peaks."""
        value = criterion(problem, fit.rss, fit.n_peaks) + DEEP_PENALTY * deep(problem, fit)
        candidate = Candidate(problem, fit, value)
        old = self.best.get(fit.n_peaks)
        if old is None or value < old.criterion:
            self.best[fit.n_peaks] = candidate
        return candidate

    def refined(
        self, problem: Problem, start: Parameters, *, rival: Candidate | None = None
    ) -> Candidate:
        """Refine, without the peaks whose area vanishes on the way; given up as soon as the
        criterion has no prospect of falling below that of ``rival``."""
        n, to_beat = problem.energy.size, math.inf
        if rival is not None:
            lead = rival.criterion - penalty(problem, start.position.size)
            to_beat = n * math.exp(min(lead / problem.n_independent, 100.0))
        fit = refine(problem, start, to_beat=to_beat)
        for _ in range(5):
            if problem.options.phase or not fit.n_peaks:
                break
            alive = fit.coefficients[: fit.n_peaks] > 0.0
            if alive.all():
                break
            fit = refine(problem, fit.parameters.take(alive), to_beat=to_beat)
        if fit.rss < 1e-14 * problem.square:
            fit = polish(problem, fit)
        return self.judge(problem, fit)

    @staticmethod
    def wins(trial: Candidate, now: Candidate) -> bool:
        """Whether a move is worth it: by more than a descent not run to its end may bring."""
        return trial.criterion < now.criterion - WORTHWHILE

    # moves ----------------------------------------------------------------------------
    def run(
        self, problem: Problem, start: Parameters, *, moves: int = 80, thorough: bool = True
    ) -> Candidate:
        """Move until nothing lowers the criterion; the costliest moves only if ``thorough``."""
        now = self.trimmed(self.refined(problem, start))
        for _ in range(moves):
            if problem.budget.exhausted:
                break
            better = (
                self.drop(now)
                or self.add(now)
                or self.merge(now)
                or self.absorb(now)
                or self.change_background(now)
                or self.peak_to_background(now)
                or (self.relocate(now) or self.background_to_peak(now) if thorough else None)
            )
            if better is None:
                break
            now = better
        return now

    def trimmed(self, now: Candidate) -> Candidate:
        """With no more peaks than allowed: the least significant go."""
        while now.fit.n_peaks > self.max_peaks:
            chi2 = chi2_to_drop(now.problem, now.fit)
            kept = np.arange(now.fit.n_peaks) != int(np.argmin(chi2))
            now = self.refined(now.problem, now.fit.parameters.take(kept))
        return now

    def drop(self, now: Candidate) -> Candidate | None:
        """Without one peak, the least significant first."""
        fit, p = now.fit, now.fit.parameters
        if fit.n_peaks == 0:
            return None
        chi2 = chi2_to_drop(now.problem, fit)
        order = np.argsort(chi2)
        if np.sum(chi2 < 6.0) > 3:  # an oversized start: half of the useless ones at once
            useless = order[: int(np.sum(chi2 < 6.0)) // 2]
            trial = self.refined(
                now.problem, p.take(~np.isin(np.arange(fit.n_peaks), useless)), rival=now
            )
            if self.wins(trial, now):
                return trial
        for k in order[:3]:
            if chi2[k] > 60.0 or now.problem.budget.exhausted:
                break
            trial = self.refined(now.problem, p.take(np.arange(fit.n_peaks) != k), rival=now)
            if self.wins(trial, now):
                return trial
        return None

    def add(self, now: Candidate) -> Candidate | None:
        """With one more peak where the score test says that it helps most."""
        d, problem, fit = self.dictionary, now.problem, now.fit
        if d is None or fit.n_peaks >= self.max_peaks or fit.rss <= residual_floor(problem):
            return None
        gains = d.gains(problem, fit) / fit.rss * problem.n_independent
        best: Candidate | None = None
        for _ in range(3):
            k = int(np.argmax(gains))
            if gains[k] < 8.0 or problem.budget.exhausted:
                break
            trial = self.refined(problem, fit.parameters.add(d.centre[k], d.hwhm[k]), rival=now)
            if best is None or trial.criterion < best.criterion:
                best = trial
            near = np.abs(d.centre - d.centre[k]) < 2.0 * (d.hwhm + d.hwhm[k])
            gains[near] = 0.0
        return best if best is not None and self.wins(best, now) else None

    def relocate(self, now: Candidate) -> Candidate | None:
        """With one of the weakest peaks taken out and put where the score test wants it then."""
        fit, p = now.fit, now.fit.parameters
        if self.dictionary is None or fit.n_peaks < 2 or to_rounding(now):
            return None
        chi2 = chi2_to_drop(now.problem, fit)
        for k in np.argsort(chi2)[:MOST_RELOCATED]:
            if chi2[k] > SETTLED or now.problem.budget.exhausted:
                break
            without = self.refined(now.problem, p.take(np.arange(fit.n_peaks) != k))
            if self.wins(without, now):
                return without
            trial = self.add(without)
            if trial is not None and self.wins(trial, now):
                return trial
        return None

    def merge(self, now: Candidate) -> Candidate | None:
        """With one peak in place of two that overlap."""
        p = now.fit.parameters
        order = np.argsort(p.position)
        chi2 = chi2_to_drop(now.problem, now.fit) if order.size > 1 else np.zeros(0)
        for a, b in zip(order[:-1], order[1:], strict=True):
            if p.position[b] - p.position[a] > p.hwhm[a] + p.hwhm[b]:
                continue
            gap = np.hypot(p.position[b] - p.position[a], p.hwhm[b] - p.hwhm[a])
            apart = gap > TWINS * (p.hwhm[a] + p.hwhm[b])
            if apart and min(chi2[a], chi2[b]) > INDISPENSABLE:
                continue
            if now.problem.budget.exhausted:
                break
            pair = np.array([a, b])
            trial = self.refined(now.problem, merged(now.problem, now.fit, pair), rival=now)
            if self.wins(trial, now):
                return trial
        return None

    def absorb(self, now: Candidate) -> Candidate | None:
        """Without a peak that stands where the edge ought to be.

        A step of height H found δ too late lacks an area Hδ, which peaks then supply.
        """
        p, fit, problem = now.fit.parameters, now.fit, now.problem
        if not problem.options.edge:
            return None
        position, width = p.edge
        height = fit.coefficients[problem.n_linear(fit.n_peaks) - 1]
        for k, area in enumerate(peak_sizes(problem, fit)):
            reach = 2.0 * (p.hwhm[k] + width)
            if not -width < position - p.position[k] < reach:
                continue
            others = p.take(np.arange(fit.n_peaks) != k)
            for place in (position - min(area / max(height, 1e-300), reach), p.position[k]):
                start = replace(others, edge=(max(float(place), problem.low), width))
                trial = self.refined(problem, start, rival=now)
                if self.wins(trial, now):
                    return trial
        return None

    def change_background(self, now: Candidate) -> Candidate | None:
        """With another background."""
        for other in other_backgrounds(now, self.backgrounds):
            if other.forecast > now.criterion + SLACK or now.problem.budget.exhausted:
                continue
            trial = self.refined(other.problem, other.start, rival=now)
            if self.wins(trial, now):
                return trial
        return None

    def peak_to_background(self, now: Candidate) -> Candidate | None:
        """With background in place of the widest peaks, or of those at the ends."""
        for other in peaks_to_background(now, self.backgrounds):
            if now.problem.budget.exhausted:
                break
            trial = self.refined(other.problem, other.start, rival=now)
            if self.wins(trial, now):
                return trial
        return None

    def background_to_peak(self, now: Candidate) -> Candidate | None:
        """With a peak in place of some of the background, where the score test wants it then."""
        less = poorer(now.problem.options.background)
        kinds = tuple(kind for kind in less if kind in self.backgrounds)
        if self.dictionary is None or not kinds or to_rounding(now):
            return None
        for other in other_backgrounds(now, kinds):
            if other.forecast > now.criterion + SETTLED or now.problem.budget.exhausted:
                continue
            trial = self.add(self.refined(other.problem, other.start))
            if trial is not None and self.wins(trial, now):
                return trial
        return None


def merged(problem: Problem, fit: Fit, members: np.ndarray) -> Parameters:
    """Parameters with one peak in place of ``members``: centroid, and a width that spans them."""
    p, w = fit.parameters, peak_sizes(problem, fit)[members]
    position = float(w @ p.position[members] / w.sum())
    spread = float(w @ np.abs(p.position[members] - position) / w.sum())
    hwhm = float(w @ p.hwhm[members] / w.sum()) + spread
    rest = p.take(~np.isin(np.arange(fit.n_peaks), members))
    return rest.add(position, hwhm)
