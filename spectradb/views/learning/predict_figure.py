"""A predicted spectrum with its bands, and what its trust rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext

from spectradb.models import Kind, Prediction, Spectrum, Structure
from spectradb.plots import Band, Curve, Figure, nice_range
from spectradb.services.learning.predict import HIGH_TRUST, KNOWN, LACKING, MEDIUM_TRUST, UNBONDED
from spectradb.views.spectra.describe import route_line
from spectradb.views.spectra.figures import Plot, edge_markers, reaching_edge


@dataclass(frozen=True)
class Reference:
    """A computed spectrum of the same site, and what was done to lay it under the prediction."""

    spectrum: Spectrum
    scale: float
    words: str


def prediction_plot(row: Prediction, reference: Reference | None, *, two: bool) -> Plot:
    """Mean, ±1σ and ±2σ, and a computed spectrum of the same site where there is one."""
    x, y, sigma = (np.asarray(a, dtype=float) for a in (row.energy, row.intensity, row.sigma))
    bands = [Band(x, y - sigma, y + sigma, 1, "s1", "±1σ")]
    if two:
        bands.insert(0, Band(x, y - 2 * sigma, y + 2 * sigma, 2, "s1", "±2σ"))
    curves = []
    tops, bottoms = [float((y + sigma).max())], [float((y - sigma).min())]
    if two:
        tops, bottoms = [float((y + 2 * sigma).max())], [float((y - 2 * sigma).min())]
    if reference is not None:
        known = np.asarray(reference.spectrum.intensity) * reference.scale
        energy = np.asarray(reference.spectrum.energy)
        curves.append(
            Curve(reference.words, energy, known, "reference", "ink", key=reference.words)
        )
        inside = (energy >= x[0]) & (energy <= x[-1])
        if inside.any():
            tops.append(float(known[inside].max()))
    words = gettext("Predicted")
    curves.append(Curve(words, x, y, "theory", "s1", key=words))
    x_range = reaching_edge(row.absorber, row.edge, (float(x[0]), float(x[-1])))
    label = gettext("Normalised μ") if row.edge == "K" else gettext("Intensity")
    figure = Figure(
        gettext("Photon energy (eV)"),
        label,
        x_range,
        nice_range(max(min(bottoms), -0.15 * max(tops)), max(tops)),
        curves,
        bands,
        markers=edge_markers(row.absorber, row.edge, x_range),
    )
    return Plot("plot", figure, gettext("Predicted spectrum with its error bands"))


def known_spectrum(structure: Structure | None, sites: Any, row: Prediction) -> Reference | None:
    """The published computed spectrum of the same site and edge, scaled where units differ."""
    if structure is None:
        return None
    found = (
        Spectrum.objects.published()
        .filter(
            structure=structure,
            kind=Kind.THEORY,
            absorber=row.absorber,
            edge=row.edge,
            site__index=row.site_index,
        )
        .select_related("calculation")
        .order_by("pk")
        .first()
    )
    if found is None:
        return None
    x, y = np.asarray(row.energy, float), np.asarray(row.intensity, float)
    known = np.interp(x, np.asarray(found.energy), np.asarray(found.intensity))
    scale = float((known @ y) / (known @ known)) if known.any() else 1.0
    name = route_line(found.calculation) if found.calculation else gettext("Computed")
    words = f"{name}, SDB-{found.pk}"
    if 0.8 < scale < 1.25:
        return Reference(found, 1.0, words)
    return Reference(found, scale, words + gettext(", scaled × %s") % f"{scale:.3g}")


def trust_of(row: Prediction) -> dict[str, Any]:
    """Level, words, nearest training structures and the size of the error bars."""
    level = "high" if row.trust >= HIGH_TRUST else "medium" if row.trust >= MEDIUM_TRUST else "low"
    names = {"high": gettext("High"), "medium": gettext("Medium"), "low": gettext("Low")}
    ids = list(dict.fromkeys(str(one[0]) for one in row.neighbours))[:4]
    known = Structure.objects.defer("data").filter(source_id__in=ids, is_primary=True)
    rows = {one.source_id: one for one in known}
    top = float(np.max(np.asarray(row.intensity))) or 1.0
    coverage = (row.model.metrics.get("val") or {}).get("coverage_68")
    return {
        "level": level,
        "name": names[level],
        "value": row.trust,
        "percent": round(100 * row.trust),
        "neighbours": [{"id": one, "row": rows.get(one)} for one in ids],
        "spread": 100 * float(np.mean(np.asarray(row.sigma))) / top,
        "coverage": None if coverage is None else 100 * coverage,
        "why": _why(row, level),
    }


def _why(row: Prediction, level: str) -> str:
    """What there is to say of a trust besides its level."""
    if row.trust_reason == KNOWN:
        return gettext("The model was trained on this structure.")
    if found := UNBONDED.fullmatch(row.trust_reason):
        return (
            gettext("Trained on no %(absorber)s bonded to %(ligands)s; take it as a guess.")
            % found.groupdict()
        )
    if found := LACKING.fullmatch(row.trust_reason):
        words = gettext("Trained on crystals with %(elements)s alone; take it as a guess.")
        return words % found.groupdict()
    if level == "low":
        return gettext("Unlike what the model has learnt from; take it as a guess.")
    return ""
