"""The page of a normalisation: E0 and ranges seen over the raw data, dragged, stated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from compute.errors import InputError
from spectradb.models import Kind, Spectrum
from spectradb.plots import Curve, Figure, Marker, nice_range
from spectradb.services.imports import at_hand
from spectradb.services.spectra import normalise as service
from spectradb.services.spectra.normalise import Normalised
from spectradb.views.accounts.signed_in import login_required
from spectradb.views.site.brought import File, named_file
from spectradb.views.spectra.describe import name_of
from spectradb.views.spectra.figures import (
    Plot,
    arrays,
    edge_markers,
    energy_label,
    intensity_label,
)
from spectradb.views.spectra.spectrum_figure import fitted_lines
from spectradb.words import in_words

SINGLE, PAIR, CHOICE = "single", "pair", "choice"


@dataclass
class Field:
    """One value of the form: what was written, what is derived in its place, its choices."""

    name: str
    kind: str
    label: str
    values: list[str]
    derived: str
    choices: tuple[str, ...] = ()
    unit: str = ""


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def normalisation(request: HttpRequest, pk: int) -> HttpResponse:
    """GET shows what the values of the form give; POST keeps them."""
    rows = Spectrum.objects.visible_to(request.user).select_related("measurement")
    row = get_object_or_404(rows, pk=pk, kind=Kind.EXPERIMENT)
    if not service.may_state(request.user, row):
        raise PermissionDenied(
            gettext("Only its author and the curators state how a spectrum is normalised.")
        )

    def keep(values: dict[str, Any]) -> HttpResponse:
        service.state(row, values, user=request.user)
        messages.success(request, gettext("Kept. The spectrum is normalised by it now."))
        return redirect("spectrum", row.pk)

    return _shown(request, row, keep)


@require_http_methods(["GET", "HEAD", "POST"])
def of_file(request: HttpRequest) -> HttpResponse:
    """The same for a file at hand; what is kept goes along when it is sent to the library."""
    file = named_file(request)
    if file is None:
        return redirect("bring")

    def keep(values: dict[str, Any]) -> HttpResponse:
        stated = service.checked(file.spectrum, values)
        service.preview(file.spectrum, stated)
        at_hand.say_normalisation(file.upload, file.part, stated)
        words = gettext("Kept with the file: it goes along when you send it to the library.")
        messages.success(request, words)
        return redirect(f"{request.path}?{urlencode({'file': file.address})}")

    return _shown(request, file.spectrum, keep, file)


def _shown(
    request: HttpRequest,
    row: Spectrum,
    keep: Callable[[dict[str, Any]], HttpResponse],
    file: File | None = None,
) -> HttpResponse:
    sent = request.POST if request.method == "POST" else request.GET
    stated = service.stated_of(row)
    found: Normalised | None = None
    error = ""
    try:
        values = _values(sent, row) if "go" in sent else stated
        if request.method == "POST":
            return keep(values)
        found = service.preview(row, values)
    except InputError as problem:
        values, error = {}, in_words(problem)
    figure = _figure(row, found)
    return render(
        request,
        "spectra/normalise.html",
        {
            "spectrum": row,
            "file": file,
            "name": file.name if file is not None else name_of(row),
            "fields": _fields(row, sent, stated, found),
            "drag": sent.get("drag") or ("background" if service.is_white_line(row) else "pre"),
            "stated": stated,
            "found": found,
            "error": error,
            "plot": Plot("plot", figure, gettext("Raw data with the fitted lines")),
            "after": _after(row, found),
        },
        status=400 if error and "go" in sent else 200,
    )


def _values(sent: QueryDict, row: Spectrum) -> dict[str, Any]:
    """The form's text as the service takes it; empty fields are derived."""
    values: dict[str, Any] = {}
    for name, kind, _, choices, _ in _rows(row):
        if kind == PAIR:
            both = [sent.get(f"{name}_{end}", "").strip() for end in ("lo", "hi")]
            if any(both):
                values[name] = [_number(name, one) for one in both]
        elif text := sent.get(name, "").strip():
            values[name] = text if name in choices or name == "scaling" else _number(name, text)
    return values


def _number(name: str, text: str) -> float:
    try:
        return float(text.replace("−", "-"))
    except ValueError:
        raise InputError(name, text, gettext("write a number with a point, such as 1.5")) from None


def _rows(row: Spectrum) -> list[tuple[str, str, str, tuple[str, ...], str]]:
    """Name, kind, label, choices and unit of each value that can be stated here."""
    if service.is_white_line(row):
        return [
            ("background", PAIR, gettext("Background"), (), "eV"),
            ("range", PAIR, gettext("Part that is kept"), (), "eV"),
            ("scaling", CHOICE, gettext("Scaled by"), ("area", "maximum", "none"), ""),
        ]
    from_e0 = gettext("eV from E0")
    return [
        ("e0", SINGLE, gettext("Edge, E0"), (), "eV"),
        ("pre", PAIR, gettext("Pre-edge line"), (), from_e0),
        ("post", PAIR, gettext("Post-edge curve"), (), from_e0),
        ("pre_degree", CHOICE, gettext("Degree before the edge"), ("0", "1"), ""),
        ("degree", CHOICE, gettext("Degree behind it"), ("0", "1", "2", "3"), ""),
    ]


def _fields(
    row: Spectrum, sent: QueryDict, stated: dict[str, Any], found: Normalised | None
) -> list[Field]:
    used = found.numbers if found is not None else {}
    fields = []
    for name, kind, label, choices, unit in _rows(row):
        if kind == PAIR:
            kept = [_text(v) for v in stated.get(name, ("", ""))]
            ends = [f"{name}_lo", f"{name}_hi"]
            written = [sent.get(end, "") for end in ends] if "go" in sent else kept
            derived = " … ".join(
                _text(round(float(v), 1)).replace("-", "−") for v in used.get(name) or ()
            )
        else:
            written = [sent.get(name, "") if "go" in sent else _text(stated.get(name, ""))]
            derived = _text(used.get(name, ""))
        fields.append(Field(name, kind, label, written, derived, choices, unit))
    return fields


def _text(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def _figure(row: Spectrum, found: Normalised | None) -> Figure:
    """Raw data over the whole scan, the fitted lines, E0 and the ends of the ranges."""
    energy, raw = arrays(row)
    span = float(energy[0]), float(energy[-1])
    kind = gettext("Experiment")
    figure = Figure(
        energy_label(row),
        intensity_label(row, "raw"),
        span,
        nice_range(float(raw.min()), float(raw.max())),
        [Curve(kind, energy, raw, "experiment", "ink", key=kind)],
    )
    if found is None:
        figure.markers = edge_markers(row.absorber, row.edge, span)
        return figure
    figure.curves += fitted_lines(row, found)
    if found.e0 is not None:
        figure.markers = [Marker(found.e0, "E_{0}")]
        if (peak := found.numbers["pre_edge_peak"]) is not None:
            figure.markers.append(Marker(peak, ""))
    start = found.e0 or 0.0
    for name in ("pre", "post", "background"):
        for end in found.numbers.get(name) or ():
            at = min(max(start + end, span[0]), span[1])
            figure.markers.append(Marker(at, ""))
    return figure


def _after(row: Spectrum, found: Normalised | None) -> Plot | None:
    """The curve that comes out."""
    if found is None:
        return None
    y = found.intensity
    words = gettext("Normalised μ") if found.unit == "step" else gettext("Intensity (area = 1)")
    span = float(found.energy[0]), float(found.energy[-1])
    kind = gettext("Normalised")
    figure = Figure(
        energy_label(row),
        words,
        span,
        nice_range(float(np.min(y)), float(np.max(y))),
        [Curve(kind, found.energy, y, "experiment", "ink")],
    )
    return Plot("after", figure, words, "short nolegend")
