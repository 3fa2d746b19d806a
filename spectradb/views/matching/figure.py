"""A measured curve with a candidate laid over it, and the peaks that both have."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils.translation import gettext
from numpy.typing import NDArray

from compute.matching import PeakPair, features, pair_features
from spectradb.models import Kind, Match, MatchRun
from spectradb.plots import Band, Curve, Figure, nice_range
from spectradb.views.spectra.describe import name_of
from spectradb.views.spectra.figures import Plot, edge_markers, rich_formula, shown_range

FloatArray = NDArray[np.float64]


def match_plot(run: MatchRun, match: Match | None, *, band: bool) -> Plot | None:
    """The measured curve, scaled from 0 to 1, and over it the candidate; below what is left."""
    if run.curve is None:
        return None
    energy, measured = np.asarray(run.curve)
    low, high = _unit(run, energy, measured)
    scaled = (measured - low) / (high - low)
    label = gettext("Measured intensity (0 to 1)")
    words = gettext("Your file") if run.upload_id else gettext("This spectrum")
    own = Curve(words, energy, scaled, "experiment", "ink", key=words)
    if match is None or match.overlay is None:
        return Plot("plot", _figure(label, run, energy, [own], scaled), words)
    at, query, fit, sigma = np.asarray(match.overlay)
    compared = (query - low) / (high - low)
    inside = (energy >= at[0]) & (energy <= at[-1])
    if inside.sum() >= 8 and _same_scale(energy, measured, at, query):
        x, y = energy[inside], scaled[inside]
    else:  # a candidate of another library: the query as that library compares it
        x, y = at, compared
    own = Curve(words, x, y, "experiment", "ink", key=words)
    fit, sigma = (fit - low) / (high - low), sigma / (high - low)
    name = f"{_name(match)} {transformed(match)}".strip()
    role = "experiment" if match.candidate.kind == Kind.EXPERIMENT else "theory"
    laid = Curve(name, at, fit, role, "s1", key=name)  # type: ignore[arg-type]
    residual = compared - fit  # where they are compared: the candidate is known there alone
    words = gettext("Measured − candidate")
    figure = _figure(label, run, at, [laid, own], y)
    if band:
        figure.bands = [Band(at, fit - sigma, fit + sigma, 1, "s1", "±1σ")]
        top = min(float((fit + sigma).max()), 1.35)  # a wide band is not worth a flat curve
        bottom = max(float((fit - sigma).min()), -0.2)
        figure.y_range = nice_range(min(float(y.min()), bottom), max(float(y.max()), top))
    figure.curves.append(Curve(words, at, residual, "residual", "s2", panel=1))
    extent = 1.15 * max(float(np.abs(residual).max()), 0.02)
    figure.residual_label, figure.residual_range = gettext("Residual"), (-extent, extent)
    told = gettext("%(measured)s against %(candidate)s") % {
        "measured": own.name,
        "candidate": name_of(match.candidate),
    }
    return Plot("plot", figure, told)


def transformed(match: Match) -> str:
    """What was done to the candidate, in words: ``shifted +0.3 eV, σ 0.2 eV``."""
    parts = []
    if abs(match.shift_ev) >= 0.005:
        parts.append(gettext("shifted %s eV") % f"{match.shift_ev:+.2f}".replace("-", "−"))
    if match.sigma_ev >= 0.005:
        parts.append(f"σ {match.sigma_ev:.2f} eV")
    if match.gamma_ev >= 0.005:
        parts.append(f"HWHM +{match.gamma_ev:.2f} eV")
    return ", ".join(parts)


def shared_peaks(match: Match) -> list[dict[str, Any]]:
    """Peaks and shoulders of query and candidate side by side, heights in % of the highest."""
    if match.overlay is None:
        return []
    at, query, fit, _ = np.asarray(match.overlay)
    noise = float(np.std(np.diff(query - fit, 2))) / np.sqrt(6.0)
    pairs = pair_features(features(at, query, noise), features(at, fit))
    return [_row(pair) for pair in pairs]


def comparison_step(match: Match | None) -> float:
    """Energies between the points that were compared, eV; 0 where nothing was."""
    if match is None or match.overlay is None:
        return 0.0
    at = np.asarray(match.overlay)[0]
    return float((at[-1] - at[0]) / max(at.size - 1, 1))


def _row(pair: PeakPair) -> dict[str, Any]:
    one = pair.measured or pair.candidate
    assert one is not None
    return {
        "measured": pair.measured,
        "candidate": pair.candidate,
        "difference": pair.difference_ev,
        "measured_height": None if pair.measured is None else round(100 * pair.measured.height),
        "candidate_height": None if pair.candidate is None else round(100 * pair.candidate.height),
        "shoulder": one.shoulder,
    }


def _figure(
    label: str, run: MatchRun, energy: FloatArray, curves: list[Curve], values: FloatArray
) -> Figure:
    x_range = shown_range(
        energy, np.interp(energy, np.asarray(curves[-1].x), np.asarray(curves[-1].y))
    )
    lead = next(iter(run.matches.all()), None)
    absorber, edge = ("", "") if lead is None else (lead.candidate.absorber, lead.candidate.edge)
    loss = run.query is not None and run.query.technique.upper() in {"EELS", "ELNES"}
    return Figure(
        gettext("Energy loss (eV)") if loss else gettext("Photon energy (eV)"),
        label,
        x_range,
        nice_range(float(values.min()), float(values.max())),
        curves,
        markers=edge_markers(absorber, edge, x_range),
        x_full=(float(energy[0]), float(energy[-1])),
    )


def _name(match: Match) -> str:
    formula = match.candidate.formula
    return rich_formula(formula) if formula else name_of(match.candidate)


def _unit(run: MatchRun, energy: FloatArray, measured: FloatArray) -> tuple[float, float]:
    """What is drawn as 0 and as 1: the same for every candidate, so that dots stay."""
    lead = next(iter(run.matches.all()), None)
    if lead is not None and lead.overlay is not None:
        measured = np.asarray(lead.overlay)[1]
    low, high = float(measured.min()), float(measured.max())
    return (low, high) if high > low else (low, low + 1.0)


def _same_scale(
    energy: FloatArray, measured: FloatArray, at: FloatArray, query: FloatArray
) -> bool:
    """Whether the kept curve is what this candidate's library was asked."""
    off = np.interp(at, energy, measured) - query
    return float(np.abs(np.median(off))) < 0.02 * float(np.ptp(query))
