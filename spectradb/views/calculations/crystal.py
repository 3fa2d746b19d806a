"""A crystal at hand: its sites, every L2,3 that can be computed, what was measured like it."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from compute.errors import InputError
from compute.structures.findings import Finding
from spectradb.formulae import edge_text
from spectradb.models import Brought, BroughtSpectrum, JobStatus, Structure, Upload
from spectradb.plots import Curve, Figure, nice_range
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.calculations import brought as service
from spectradb.services.imports.share import DAYS, shares_of
from spectradb.services.learning.predictions import models_for
from spectradb.services.search.nearest import nearest_to_curve
from spectradb.views.site.brought import own
from spectradb.views.site.throttle import throttled
from spectradb.views.site.turns import in_turn
from spectradb.views.spectra.figures import Plot, edge_markers, shown_range, style
from spectradb.words import in_words


@require_safe
def crystal(request: HttpRequest, token: str) -> HttpResponse:
    upload = _own(request, token)
    context = crystal_context(request, upload) | {
        "own": True,
        "shares": [(one, request.build_absolute_uri(reverse("shared", args=[one.token])))
                   for one in shares_of(upload)],
        "days": DAYS,
        "may_save": request.user.has_perm("spectradb.add_structure"),
        "may_contribute": may_contribute(request.user),
        "models": [
            (f"{a} {edge_text(e)}", rows[0])
            for (a, e), rows in models_for({s["element"] for s in upload.told["sites"]}).items()
        ],
    }  # fmt: skip
    return render(request, "calculations/crystal.html", context)


@require_POST
@throttled
@in_turn
def compute(request: HttpRequest, token: str) -> HttpResponse:
    """All that can be computed at once; or one site by the careful route, as a job."""
    upload = _own(request, token)
    key = request.POST.get("site", "")
    user = request.user
    if not key:
        service.compute_at_once(upload, user)
    else:
        try:
            service.ask(upload, key, request.POST.get("route", service.CAREFUL), user)
        except InputError as error:
            messages.error(request, in_words(error))
    chosen = request.POST.get("element", "")
    return redirect(reverse("crystal", args=[token]) + (f"?element={chosen}" if chosen else ""))


def crystal_context(request: HttpRequest, upload: Upload) -> dict[str, Any]:
    """Sites and spectra, for its owner and for whoever has a link."""
    able = service.sites_of(upload)
    rows = service.spectra_of(upload)
    done = [row for row in rows if row.job_status == JobStatus.DONE]
    labels = {one["key"]: one["label"] for one in upload.told["sites"]}
    elements = list(dict.fromkeys(row.element for row in done))
    chosen = request.GET.get("element", "")
    chosen = chosen if chosen in elements else (elements[0] if elements else "")
    drawn = [row for row in done if row.element == chosen]
    asked = {row.site_key for row in rows if row.route == service.AT_ONCE}
    known = upload.told.get("known")
    return {
        "upload": upload,
        "told": upload.told,
        "findings": [Finding.from_json(one) for one in upload.told.get("findings", [])],
        "sites": [_site_row(one, rows) for one in able],
        "elements": elements,
        "chosen": chosen,
        "plot": _plot(drawn, chosen, labels) if drawn else None,
        "waiting": any(service.is_open(row) for row in rows),
        "to_compute": any(not one.why and one.key not in asked for one in able),
        "any_able": any(not one.why for one in able),
        "near": _measured_like(drawn[0]) if drawn else [],
        "known": Structure.objects.defer("data").filter(pk=known).first() if known else None,
    }


def _own(request: HttpRequest, token: str) -> Upload:
    return get_object_or_404(own(request), token=token, kind=Brought.STRUCTURE)


def _site_row(one: service.Able, rows: list[BroughtSpectrum]) -> dict[str, Any]:
    mine = {row.route: row for row in rows if row.site_key == one.key}
    careful = mine.get(service.CAREFUL)
    return {
        "told": one.told,
        "key": one.key,
        "why": gettext(in_words(one.why)) if one.why else "",
        "calculated": list(mine.values()),
        "may_ask": not one.why
        and (careful is None or careful.job_status in (JobStatus.FAILED, JobStatus.CANCELLED)),
        "doubtful": one.told.get("confidence", 1.0) < 0.5,
    }


def _measured_like(row: BroughtSpectrum) -> list[Any]:
    energy, intensity = np.asarray(row.energy), np.asarray(row.intensity)
    return nearest_to_curve(row.element, energy, intensity, 5, kind="experiment")


def _plot(rows: list[BroughtSpectrum], element: str, labels: dict[str, str]) -> Plot:
    """Every site's spectrum of one element; the careful route's are dashed."""
    curves, windows = [], []
    places = {key: k for k, key in enumerate(dict.fromkeys(row.site_key for row in rows))}
    both = len({row.route for row in rows}) > 1
    for row in rows:
        x, y = np.asarray(row.energy), np.asarray(row.intensity)
        colour, dash = style(places[row.site_key])
        words = labels.get(row.site_key, row.element)
        if both:
            words += ", " + route_words(row.route)
        dash = "dash" if row.route == service.CAREFUL else dash
        curves.append(Curve(words, x, y, "theory", colour, dash, key=words))
        windows.append(shown_range(x, y))
    x_range = min(w[0] for w in windows), max(w[1] for w in windows)
    top = max(float(np.asarray(c.y).max()) for c in curves)
    figure = Figure(
        gettext("Photon energy (eV)"),
        gettext("Intensity (radial integral = 1)"),
        x_range,
        nice_range(0.0, top),
        curves,
        markers=edge_markers(element, "L23", x_range),
    )
    return Plot("plot", figure, gettext("Computed L2,3 spectra of %s") % element)


def route_words(route: str) -> str:
    return gettext("quick") if route == service.AT_ONCE else gettext("careful")
