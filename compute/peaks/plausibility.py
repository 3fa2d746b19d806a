"""Whether the fitted model can be right: warnings, and when a number of peaks means nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compute.peaks.colour import MAX_LENGTH, correlation, length_over_width
from compute.peaks.grids import WorkGrid
from compute.peaks.judging import Candidate, chi2_to_drop, peak_sizes, residual_floor
from compute.peaks.model import Fit, Problem
from compute.peaks.parsimony import DETERMINED
from compute.peaks.signs import left_below, points_down

TIGHT = 0.6  # separation over summed widths below which neighbours may be one broadened peak
MISFIT = 3.0  # residual over noise beyond which a structured residual refutes the model
DECISIVE = 10.0  # fall of the criterion that settles which model is right


@dataclass(frozen=True)
class Verdict:
    """``plausible`` is False when the number of peaks must not be believed."""

    plausible: bool
    warnings: tuple[str, ...]


def suspected_sigma(problem: Problem, fit: Fit) -> float | None:
    """Gaussian width that may have been fitted by groups of Lorentzians, eV; None if no sign.

    Pure Lorentzians imitate one broadened peak by several of like width, closer together than
    they are wide; their spread is then about the σ of the Gaussian.
    """
    p, size = fit.parameters, peak_sizes(problem, fit)
    order = np.argsort(p.position)
    groups: list[list[int]] = [[int(order[0])]] if order.size else []
    tight = 0
    for a, b in zip(order[:-1], order[1:], strict=True):
        gap = p.position[b] - p.position[a]
        if gap < TIGHT * (p.hwhm[a] + p.hwhm[b]):
            groups[-1].append(int(b))
            tight += 1
        else:
            groups.append([int(b)])
    if tight < 2 and not (tight and fit.n_peaks <= 4):
        return None
    spreads = []
    for members in (np.array(group) for group in groups if len(group) > 1):
        w, x = size[members], p.position[members]
        mean = w @ x / w.sum()
        spreads.append(math.sqrt(float(w @ (x - mean) ** 2 / w.sum())))
    return float(np.median(spreads))


def judge_model(
    best: Candidate,
    grid: WorkGrid,
    noise: float,
    *,
    cap: int,
    cap_given: bool,
    broadened: Candidate | None,
    other_edges: Sequence[float] = (),
    wanted: int = 0,
) -> Verdict:
    """Look at a final fit as a referee would.

    Parameters
    ----------
    best : Candidate
    grid : WorkGrid
    noise : float
        Estimated from the spectrum, in units of ``best``.
    cap, cap_given
        Largest number of peaks, and whether the caller set it.
    broadened : Candidate | None
        A fit with an instrument Gaussian that beats ``best``, which has none.
    other_edges : sequence of float
        Places where an edge fits nearly as well, eV.
    wanted : int
        Number of peaks by the criterion, before those that the data do not determine were left out.
    """
    problem, fit = best.problem, best.fit
    warnings: list[str] = []
    plausible = True
    if broadened is not None:
        plausible = False
        p = broadened.fit.parameters
        sigma = p.sigma if broadened.problem.options.fit_sigma else broadened.problem.options.sigma
        warnings.append(
            "broadened data: "
            f"{broadened.fit.n_peaks} peaks with an instrument Gaussian (σ about {sigma:.2g} eV) "
            f"describe the spectrum better than {fit.n_peaks} pure Lorentzians; their number "
            'means nothing. Give gaussian_sigma_ev, or fit it with "fit".'
        )
    n = problem.energy.size
    rms = math.sqrt(fit.rss / n)
    if fit.n_peaks < wanted:
        plausible = False
        warnings.append(
            f"pure line shapes cannot be right: {wanted} peaks would reach the noise, but the data "
            f"do not determine them; the {fit.n_peaks} given describe the spectrum to {rms:.1g} of "
            "its highest point. The lines may be asymmetric or broadened, or the noise correlated."
        )
    exact = fit.rss <= 2.0 * residual_floor(problem)
    common = problem.options.independent < 1.0 and length_over_width(best) < MAX_LENGTH
    if problem.budget.ran_out and rms > 1.2 * noise and not (exact or common):
        plausible = False
        warnings.append(
            "the search was stopped, since it took too long: there are more lines than can be "
            "separated, or more points than needed; choose a range or a noise floor"
        )
    if fit.n_peaks >= cap:
        if not cap_given:
            plausible = False
        warnings.append(f"as many peaks as allowed ({cap}): more may be needed")
    if not exact:
        r = correlation(fit.residual)
        coloured = not common and abs(r) > 6.0 / math.sqrt(n)
        if common:
            warnings.append(
                f"neighbouring points have noise in common (correlation {r:+.2f}): they count as "
                f"{problem.n_independent:.0f} independent points of {n}, in the number of peaks "
                "and in the standard errors"
            )
        if coloured:
            warnings.append(
                f"the residual is no white noise (correlation of neighbours {r:+.2f}): "
                "the standard errors are too small, and the model may be incomplete"
            )
        dip = None if problem.options.phase else left_below(problem, fit, noise)
        if dip is not None:
            plausible = False
            warnings.append(points_down(np.array([dip])))
        if rms > 1.5 * noise and not common:
            warnings.append(f"the residual is {rms / max(noise, 1e-300):.3g} times the noise")
            plausible = plausible and not (coloured and rms > MISFIT * noise)
    if grid.resampling_rms > 0.0:
        ratio = f", {grid.resampling_rms / rms:.2g} of the residual" if not exact else ""
        warnings.append(
            "energies are not evenly spaced: first guesses come from a uniform grid (resampling "
            f"error {grid.resampling_rms:.1e} of the highest point{ratio}), the fit from the "
            "original points"
        )
    if other_edges:
        places = " or ".join(f"{place:.2f}" for place in sorted(other_edges))
        warnings.append(
            f"the edge may as well stand at {places} eV, with other areas of the peaks near it: "
            "the standard errors allow for it"
        )
    warnings.extend(_doubtful_peaks(problem, fit))
    if not fit.n_peaks:
        warnings.append("no peak stands above the noise")
    return Verdict(plausible, tuple(warnings))


def _doubtful_peaks(problem: Problem, fit: Fit) -> list[str]:
    """One warning for each kind of doubt, with the places of the peaks it concerns."""
    p = fit.parameters
    weak = chi2_to_drop(problem, fit) < DETERMINED if fit.n_peaks else np.zeros(0, dtype=bool)
    ends = np.minimum(p.position - problem.low, problem.high - p.position) < 1e-6 * problem.span
    wide = ~ends & (p.hwhm > 0.25 * problem.span)
    spiky = ~ends & (p.hwhm < 0.5 * problem.step) & (problem.options.sigma < problem.step)
    kinds = (
        (ends, "at the end of the range: only a flank is seen"),
        (wide, "as wide as the range: background?"),
        (spiky, "narrower than the grid: a spike?"),
        (weak & ~(ends | wide | spiky), "uncertain: the area is less than 4 standard errors"),
    )
    out = []
    for which, text in kinds:
        if which.any():
            places = ", ".join(f"{at:.2f}" for at in np.sort(p.position[which]))
            out.append(f"{'peaks' if which.sum() > 1 else 'peak'} at {places} eV {text}")
    if problem.options.edge and fit.coefficients[problem.n_linear(fit.n_peaks) - 1] <= 0.0:
        out.append("no step up was found: the edge has no height")
    return out
