"""Up to twenty spectra in one plot, stored or at hand; the address holds the whole comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.conf import settings as site
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from spectradb.models import Spectrum
from spectradb.services.spectra.compare import (
    Aligned,
    align,
    derivative,
    difference,
    similarity,
)
from spectradb.views.site.brought import gone
from spectradb.views.spectra.compared import (
    COOKIE,
    MAX_SPECTRA,
    Asked,
    Entry,
    asked,
    begun,
    entries_of,
    found_by,
    last,
)
from spectradb.views.spectra.describe import source_line
from spectradb.views.spectra.figures import WIDEST_EV, Plot, arrays, style, table_edge, together


@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    if (address := begun(request)) is not None:
        return redirect(address)
    entries, missing, too_many = entries_of(request)
    settings = asked(request.GET, entries)
    notes = [gone() if ":" in name or not name.isdecimal() else f"SDB-{name}: " + gettext(
        "no such public spectrum.") for name in missing]  # fmt: skip
    added = request.GET.get("add", "").strip()
    context: dict[str, Any] = {
        "limit": MAX_SPECTRA,
        "too_many": too_many,
        "notes": notes,
        "settings": settings,
        "found": found_by(request, added, entries),
        "added": added,
        "scales": [
            ("none", gettext("None")), ("step", gettext("Edge step")),
            ("peak", gettext("Peak")), ("area", gettext("Area")),
        ],
        "alignments": [
            ("hand", gettext("By hand")), ("half", gettext("Half step")),
            ("first", gettext("To first")), ("zero", gettext("Own zero")),
        ],
    }  # fmt: skip
    if entries:
        context |= _comparison(entries, settings)
    else:
        context["examples"] = _examples()
        context["before"] = last(request)
    response = render(request, "spectra/compare.html", context)
    if entries or "shown" in request.GET:
        _remember(response, entries)
    return response


def _comparison(entries: list[Entry], settings: Asked) -> dict[str, Any]:
    """Rows, plot and table of likeness."""
    spectra = [one.spectrum for one in entries]
    edges = [table_edge(s) for s in spectra]
    moved = align(
        [arrays(s) for s in spectra],
        [settings.shifts[one.key] for one in entries],
        how=settings.align,
        scale=settings.scale,
        edges=edges,
    )
    shown = [k for k, one in enumerate(entries) if one.key not in settings.hidden]
    rows = [
        {
            "entry": one,
            "spectrum": one.spectrum,
            "shift": f"{c.shift_ev:.1f}",
            "shown": k in shown,
            "colour": style(k)[0],
            "dash": style(k)[1],
            "source": source_line(one.spectrum),
        }
        for k, (one, c) in enumerate(zip(entries, moved, strict=True))
    ]
    drawn, notes = _transformed(shown, moved, entries, settings)
    told = {k: curve for k, curve in zip(shown, drawn, strict=True) if curve is not None}
    plot = _plot(entries, told, settings) if told else None
    ranges = [shown_at(curve) for curve in told.values()]
    apart = max((r[1] for r in ranges), default=0.0) - min((r[0] for r in ranges), default=0.0)
    if apart > WIDEST_EV and plot is not None:
        hidden = [k for k, r in zip(told, ranges, strict=True) if not _meet(r, plot.figure.x_range)]
        if hidden:
            words = gettext(
                "Out of the shown range: %s. Zoom out, or count each from its own edge."
            )
            notes.append(words % ", ".join(entries[k].name for k in hidden))
    matrix, ranges_ev = (
        similarity([moved[k] for k in shown], [edges[k] for k in shown])
        if len(shown) > 1
        else (None, [])
    )
    return {
        "rows": rows,
        "plot": plot,
        "plot_notes": notes,
        "matrix": _cells(matrix, [rows[k] for k in shown]) if matrix is not None else None,
        "heads": [rows[k] for k in shown],
        "shared": _shared(ranges_ev),
    }


def _plot(entries: list[Entry], told: dict[int, Aligned], settings: Asked) -> Plot:
    curves = list(told.values())
    figure = together(
        [entries[k].spectrum for k in told],
        curves,
        offset=_offset(curves, settings),
        y_label=_y_label(settings),
        styles=list(told),
        x_label=gettext("Energy from the half step (eV)") if settings.align == "zero" else "",
    )
    return Plot("plot", figure, gettext("%d spectra over one another") % len(curves), "tall")


def _y_label(settings: Asked) -> str:
    label = {
        "none": gettext("Intensity (as stored)"),
        "step": gettext("Normalised μ"),
        "peak": gettext("Intensity (peak = 1)"),
        "area": gettext("Intensity (area = 1)"),
    }[settings.scale]
    if settings.difference:
        label = gettext("Difference from the first: %s") % label
    if settings.derivative:
        label = gettext("Derivative of: %s") % label
    if settings.offset:
        label += ", " + gettext("offset %s each") % f"{settings.offset:g}"
    return label


def _transformed(
    shown: list[int], moved: list[Aligned], entries: list[Entry], settings: Asked
) -> tuple[list[Aligned | None], list[str]]:
    """Difference and derivative where asked; what cannot be subtracted is left out and told."""
    drawn: list[Aligned | None] = [moved[k] for k in shown]
    notes = []
    if settings.difference and len(shown) > 1:
        first = moved[shown[0]]
        drawn = [difference(moved[k], first) for k in shown]
        lost = [entries[k].name for k, one in zip(shown, drawn, strict=True) if one is None]
        if lost:
            words = gettext("No range in common with the first, so no difference: %s.")
            notes.append(words % ", ".join(lost))
    if settings.derivative:
        drawn = [None if one is None else derivative(one) for one in drawn]
    return drawn, notes


def _offset(curves: list[Aligned], settings: Asked) -> float:
    """The offset in the curves' own unit: the field counts in heights of the tallest curve."""
    if not settings.offset:
        return 0.0
    if settings.scale == "step" and not settings.derivative:
        return settings.offset
    return settings.offset * max(float(np.ptp(c.intensity)) for c in curves)


def shown_at(curve: Aligned) -> tuple[float, float]:
    return float(curve.energy[0]), float(curve.energy[-1])


def _meet(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return min(a[1], b[1]) > max(a[0], b[0])


def _shared(ranges: list[tuple[float, float]]) -> str:
    """The range of the table, where all pairs have one; how many where they have several."""
    if len(ranges) == 1:
        return f"{ranges[0][0]:.0f}–{ranges[0][1]:.0f} eV".replace("-", "−")
    return gettext("each pair over what it shares") if ranges else ""


def _cells(matrix: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    table = []
    for k, row in enumerate(rows):
        cells = []
        for j in range(len(rows)):
            value = float(matrix[k, j])
            if k == j:
                cells.append({"text": "–", "step": "5"})
            elif np.isnan(value):
                cells.append({"text": "–", "step": "0"})
            else:
                step = int(np.clip(np.ceil((value - 0.82) / 0.036), 0, 5))
                cells.append({"text": f"{value:.3f}".replace("-", "−"), "step": str(step)})
        table.append({"row": row, "cells": cells})
    return table


def _remember(response: HttpResponse, entries: list[Entry]) -> None:
    """So that “Add to compare” on another page adds to this: for as long as the browser is open."""
    if not entries:
        response.delete_cookie(COOKIE)
        return
    value = ".".join(one.key.replace(":", "~") for one in entries)
    response.set_cookie(
        COOKIE, value, samesite="Lax", httponly=True, secure=site.SESSION_COOKIE_SECURE
    )


def _examples() -> list[dict[str, Any]]:
    """Three comparisons that the library can make now."""
    examples: list[dict[str, Any]] = []
    published = Spectrum.objects.published().without_arrays().order_by("pk")
    for symbol, edge in (("Ni", "L23"), ("Mn", "L23"), ("Cu", "K"), ("Fe", "L23"), ("Ti", "L23")):
        found = list(published.filter(absorber=symbol, edge=edge)[:4])
        if len(found) > 1 and len(examples) < 3:
            query = "&".join(f"ids={s.pk}" for s in found)
            examples.append({"symbol": symbol, "edge": edge, "n": len(found), "query": query})
    return examples
