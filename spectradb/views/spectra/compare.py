"""Up to twenty spectra in one plot; the address holds the whole comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from spectradb.models import Spectrum
from spectradb.services.spectra.compare import (
    ALIGNMENTS,
    SCALES,
    Align,
    Aligned,
    Scale,
    align,
    similarity,
)
from spectradb.views.spectra.describe import name_of, source_line
from spectradb.views.spectra.figures import Plot, arrays, style, table_edge, together

MAX_SPECTRA = 20


@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    ids = _ids(request.GET)
    spectra = _spectra(request, ids[:MAX_SPECTRA])
    settings = _settings(request.GET, spectra)
    context: dict[str, Any] = {
        "limit": MAX_SPECTRA,
        "too_many": len(ids) > MAX_SPECTRA,
        "missing": [pk for pk in ids[:MAX_SPECTRA] if pk not in {s.pk for s in spectra}],
        "settings": settings,
        "scales": [
            ("none", gettext("None")), ("step", gettext("Edge step")),
            ("peak", gettext("Peak")), ("area", gettext("Area")),
        ],
        "alignments": [
            ("hand", gettext("By hand")), ("half", gettext("Half step")),
            ("first", gettext("To first")),
        ],
    }  # fmt: skip
    if spectra:
        context |= _comparison(spectra, settings)
    else:
        context["examples"] = _examples(request)
    return render(request, "spectra/compare.html", context)


def _comparison(spectra: list[Spectrum], settings: dict[str, Any]) -> dict[str, Any]:
    """Rows, plot and table of likeness."""
    shifts = [settings["shifts"].get(s.pk, 0.0) for s in spectra]
    moved = align(
        [arrays(s) for s in spectra],
        shifts,
        how=settings["align"],
        scale=settings["scale"],
        edges=[table_edge(s) for s in spectra],
    )
    hidden = settings["hidden"]
    shown = [k for k, s in enumerate(spectra) if s.pk not in hidden]
    rows = [
        {
            "spectrum": s,
            "name": name_of(s),
            "shift": f"{c.shift_ev:.1f}",
            "shown": s.pk not in hidden,
            "colour": style(k)[0],
            "dash": style(k)[1],
            "source": source_line(s),
            "position": k,
        }
        for k, (s, c) in enumerate(zip(spectra, moved, strict=True))
    ]
    drawn = _transformed([moved[k] for k in shown], settings)
    label = {
        "none": gettext("Intensity (as stored)"),
        "step": gettext("Normalised μ"),
        "peak": gettext("Intensity (peak = 1)"),
        "area": gettext("Intensity (area = 1)"),
    }[settings["scale"]]
    if settings["derivative"]:
        label = gettext("Derivative of: %s") % label
    if settings["offset"]:
        label += ", " + gettext("offset %s each") % f"{settings['offset']:g}"
    plot = None
    if shown:
        figure = together(
            [spectra[k] for k in shown],
            drawn,
            offset=_offset(drawn, settings),
            y_label=label,
            styles=shown,
        )
        words = gettext("%d spectra over one another") % len(shown)
        plot = Plot("plot", figure, words, "tall")
    matrix, shared = similarity([moved[k] for k in shown]) if len(shown) > 1 else (None, None)
    return {
        "rows": rows,
        "plot": plot,
        "matrix": _cells(matrix, [rows[k] for k in shown]) if matrix is not None else None,
        "heads": [rows[k] for k in shown],
        "shared": f"{shared[0]:.0f}–{shared[1]:.0f} eV" if shared else "",
    }


def _transformed(curves: list[Aligned], settings: dict[str, Any]) -> list[Aligned]:
    """The derivative of each, or its difference from the first, where asked."""
    if settings["derivative"]:
        return [Aligned(c.energy, np.gradient(c.intensity, c.energy), c.shift_ev) for c in curves]
    if settings["difference"] and len(curves) > 1:
        first = curves[0]
        rest = []
        for c in curves:
            inside = (c.energy >= first.energy[0]) & (c.energy <= first.energy[-1])
            if inside.sum() < 2:
                continue
            e = c.energy[inside]
            y = c.intensity[inside] - np.interp(e, first.energy, first.intensity)
            rest.append(Aligned(e, y, c.shift_ev))
        return rest if len(rest) == len(curves) else curves
    return curves


def _offset(curves: list[Aligned], settings: dict[str, Any]) -> float:
    """The offset in the curves' own unit: the field counts in heights of the tallest curve."""
    if not settings["offset"]:
        return 0.0
    if settings["scale"] == "step" and not settings["derivative"]:
        return float(settings["offset"])
    tallest = max(float(np.ptp(c.intensity)) for c in curves)
    return float(settings["offset"]) * tallest


def _cells(matrix: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    table = []
    for k, row in enumerate(rows):
        cells = []
        for j in range(len(rows)):
            value = float(matrix[k, j])
            if k == j:
                cells.append({"text": "–", "step": 5})
            elif np.isnan(value):
                cells.append({"text": "–", "step": 0})
            else:
                step = int(np.clip(np.ceil((value - 0.82) / 0.036), 0, 5))
                cells.append({"text": f"{value:.3f}".replace("-", "−"), "step": step})
        table.append({"row": row, "cells": cells})
    return table


def _ids(get: QueryDict) -> list[int]:
    """Numbers in order, each once, from ``ids=1&ids=2`` or ``ids=1,2``; ``add`` may be SDB-3."""
    parts = [part for text in get.getlist("ids") for part in text.split(",")]
    parts += [get.get("add", "").upper().replace("SDB-", "")]
    found: list[int] = []
    for part in parts:
        part = part.strip()
        if part.isdecimal() and len(part) < 18 and int(part) not in found:
            found.append(int(part))
    removed = get.get("remove", "")
    return [pk for pk in found if str(pk) != removed]


def _spectra(request: HttpRequest, ids: list[int]) -> list[Spectrum]:
    rows = (
        Spectrum.objects.visible_to(request.user)
        .select_related("structure", "site", "calculation", "measurement")
        .defer("structure__data", "calculation__results", "calculation__sticks")
        .in_bulk(ids)
    )
    return [rows[pk] for pk in ids if pk in rows]


def _settings(get: QueryDict, spectra: list[Spectrum]) -> dict[str, Any]:
    scale: Scale = next((s for s in SCALES if s == get.get("norm")), _default_scale(spectra))
    how: Align = next((a for a in ALIGNMENTS if a == get.get("align")), "hand")
    default = 0.45 if len(spectra) > 3 else 0.0
    return {
        "scale": scale,
        "align": how,
        "offset": min(max(_number(get.get("offset"), default), 0.0), 3.0),
        "shifts": {s.pk: _number(get.get(f"s{s.pk}"), 0.0) for s in spectra},
        "hidden": {
            s.pk for s in spectra if "shown" in get and str(s.pk) not in get.getlist("show")
        },
        "derivative": get.get("derivative") == "1",
        "difference": get.get("difference") == "1",
    }


def _default_scale(spectra: list[Spectrum]) -> Scale:
    """Edge steps for K edges, peaks for everything else, nothing for one spectrum."""
    if len(spectra) < 2:
        return "none"
    return "step" if all(s.edge == "K" for s in spectra) else "peak"


def _number(text: str | None, default: float) -> float:
    try:
        value = float(text) if text else default
    except ValueError:
        return default
    return value if abs(value) < 1e4 else default


def _examples(request: HttpRequest) -> list[dict[str, Any]]:
    """Three comparisons that the library can make now."""
    examples: list[dict[str, Any]] = []
    published = Spectrum.objects.published().without_arrays().order_by("pk")
    for symbol, edge in (("Ni", "L23"), ("Mn", "L23"), ("Cu", "K"), ("Fe", "L23"), ("Ti", "L23")):
        found = list(published.filter(absorber=symbol, edge=edge)[:4])
        if len(found) > 1 and len(examples) < 3:
            query = "&".join(f"ids={s.pk}" for s in found)
            examples.append({"symbol": symbol, "edge": edge, "n": len(found), "query": query})
    return examples
