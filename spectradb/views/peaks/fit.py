"""The peak page: choose a range, see peaks, residual and how their number was chosen, keep it."""

from __future__ import annotations

import csv
import math
from pathlib import PurePath
from typing import Any, Literal, cast

import numpy as np
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from compute.edges import edge_energy, members
from compute.errors import ComputeError
from compute.peaks import Decomposition
from spectradb.models import JobStatus, Kind, Spectrum
from spectradb.plots import Curve, Figure, nice_range
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.peaks import fit as service
from spectradb.services.peaks import proposals
from spectradb.services.peaks.fit import FitOptions
from spectradb.services.peaks.lines import lines_of
from spectradb.throttle import throttled as bounded
from spectradb.views.site.brought import File, named_file
from spectradb.views.site.throttle import too_many_questions
from spectradb.views.spectra.describe import name_of
from spectradb.views.spectra.figures import (
    Plot,
    arrays,
    edge_markers,
    energy_label,
    intensity_label,
    role_of,
    shown_range,
    table_edge,
)
from spectradb.views.spectra.spectrum_figure import peak_curve
from spectradb.words import in_words

BACKGROUNDS = ("auto", "none", "constant", "linear", "flank", "power")
EDGES = ("none", "one", "two")
MOST_PEAKS = 40
_MOST_EV = 1e6
"""No core level lies so deep: a range that reaches farther was mistyped."""
AT_ONCE = 1_500
"""Points that a page fits while its reader waits; more go to the queue."""


@require_safe
def fit(request: HttpRequest, pk: int) -> HttpResponse:
    """The page; a fit costs seconds of the server, so people may ask for so many an hour."""
    return (_fitted if "go" in request.GET else _page)(request, pk)


@require_safe
def fit_file(request: HttpRequest) -> HttpResponse:
    """The same for a file at hand: nothing can be kept, the table can be downloaded."""
    return (_fitted_file if "go" in request.GET else _file_page)(request)


def _page(request: HttpRequest, pk: int) -> HttpResponse:
    rows = Spectrum.objects.visible_to(request.user).select_related("calculation", "measurement")
    return _shown(request, get_object_or_404(rows, pk=pk))


def _file_page(request: HttpRequest) -> HttpResponse:
    file = named_file(request)
    if file is None:
        return redirect("bring")
    return _shown(request, file.spectrum, file)


def _shown(request: HttpRequest, spectrum: Spectrum, file: File | None = None) -> HttpResponse:
    form = _form(request.GET, spectrum)
    found, error = None, form["error"]
    if not error and request.GET.get("go"):
        found, error = _decomposed(spectrum, form["options"])
    if found is not None and request.GET.get("format") == "csv":
        return _table(spectrum, found, file)
    figure = _figure(spectrum, form, found)
    return render(
        request,
        "peaks/fit.html",
        {
            "spectrum": spectrum,
            "file": file,
            "name": file.name if file is not None else name_of(spectrum),
            "form": form,
            "backgrounds": BACKGROUNDS,
            "plot": Plot("plot", figure, gettext("Spectrum with its fitted peaks")),
            "found": found,
            "error": error,
            "order": _order_plot(found) if found else None,
            "order_words": _order_words(found) if found else "",
            "lines": lines_of(spectrum, *form["options"].energy_range) if found else None,
            "computed": spectrum.kind == Kind.THEORY,
            "may_keep": file is None and may_contribute(request.user),
            "may_accept": file is None and proposals.may_accept(request.user, spectrum),
            "query": request.GET.urlencode(),
        },
        status=400 if error else 200,
    )


_fitted = bounded("ask", too_many_questions)(_page)
_fitted_file = bounded("ask", too_many_questions)(_file_page)


@permission_required("spectradb.add_peakfit", raise_exception=True)
@require_POST
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep the fit of the form: as that of the record for who decides, else as a proposal."""
    spectrum = get_object_or_404(Spectrum.objects.visible_to(request.user), pk=pk)
    form = _form(request.POST, spectrum)
    if form["error"]:
        messages.error(request, form["error"])
        return redirect("spectrum-fit", pk)
    assert request.user.is_authenticated  # by the decorator; for the type checker
    row = service.request_fit(spectrum, form["options"], requested_by=request.user)
    if row.job_status == JobStatus.QUEUED:
        service.run_fit(row.pk)
        row.refresh_from_db()
    if row.job_status != JobStatus.DONE:
        messages.error(request, row.error or gettext("The fit is still running."))
        return redirect("spectrum-fit", pk)
    if proposals.may_accept(request.user, spectrum):
        proposals.accept(row, request.user)
        messages.success(request, gettext("Kept. The spectrum page shows this fit now."))
    else:
        messages.success(
            request, gettext("Proposed. The author of the record and the curators decide.")
        )
    return redirect("spectrum", pk)


@require_POST
def accept_kept(request: HttpRequest, pk: int, fit_pk: int) -> HttpResponse:
    """Take a fit that is kept as that of its record."""
    spectrum = get_object_or_404(Spectrum.objects.visible_to(request.user), pk=pk)
    row = get_object_or_404(proposals.done_fits(spectrum), pk=fit_pk)
    proposals.accept(row, request.user)
    messages.success(request, gettext("Kept. The spectrum page shows this fit now."))
    return redirect("spectrum", pk)


def _form(get: QueryDict, spectrum: Spectrum) -> dict[str, Any]:
    """Fields with their values, the options they mean, and what cannot be read."""
    energy, intensity = arrays(spectrum)
    lo, hi = shown_range(energy, intensity, table_edge(spectrum))
    splitting = edge_splitting(spectrum.absorber, spectrum.edge)
    form: dict[str, Any] = {
        "lo": get.get("lo") or f"{lo:.1f}",
        "hi": get.get("hi") or f"{hi:.1f}",
        "edge": get.get("edge") if get.get("edge") in EDGES else _usual_edge(spectrum),
        "splitting": splitting,
        "phase": get.get("phase") == "1",
        "sigma": (get.get("sigma") or "0").strip(),
        "background": get.get("background") if get.get("background") in BACKGROUNDS else "auto",
        "max_peaks": get.get("max_peaks", "20").strip(),
        "error": "",
        "options": None,
    }
    try:
        low, high = float(form["lo"]), float(form["hi"])
        sigma: float | Literal["fit"] = "fit" if form["sigma"] == "fit" else float(form["sigma"])
        if not -_MOST_EV <= low < high <= _MOST_EV:
            raise ValueError
    except ValueError:
        form["error"] = gettext("Write the range as two numbers in eV, the lower one first.")
        return form
    if not form["max_peaks"].isdecimal() or not 1 <= int(form["max_peaks"]) <= MOST_PEAKS:
        form["error"] = gettext("Write a number of peaks from 1 to %d.") % MOST_PEAKS
        return form
    points = int(((energy >= low) & (energy <= high)).sum())
    if points > AT_ONCE:
        form["error"] = gettext(
            "%(n)d points are in the range; at most %(most)d are fitted here. Narrow it."
        ) % {"n": points, "most": AT_ONCE}
        return form
    form["options"] = FitOptions(
        edge_step=form["edge"] != "none",
        edge_splitting_ev=splitting if form["edge"] == "two" else 0.0,
        gaussian_sigma_ev=sigma,
        phase=form["phase"],
        background=cast(Any, form["background"]),
        energy_range=(low, high),
        max_peaks=int(form["max_peaks"]),
    )
    return form


def _usual_edge(spectrum: Spectrum) -> str:
    """Computed spectra are of bound states: no step. Measured ones have one for every edge."""
    if spectrum.kind == Kind.THEORY and spectrum.edge != "K":
        return "none"
    return "two" if edge_splitting(spectrum.absorber, spectrum.edge) else "one"


def edge_splitting(absorber: str, edge: str) -> float:
    """Distance of the tabulated edges of a spin-orbit pair (L23), eV; 0 for others."""
    names = members(edge) if absorber and edge else ()
    places = [edge_energy(absorber, name) for name in names]
    if len(places) != 2 or None in places:
        return 0.0
    return round(abs(cast(float, places[0]) - cast(float, places[1])), 2)


def _decomposed(spectrum: Spectrum, options: FitOptions) -> tuple[Decomposition | None, str]:
    """The fit, from the cache when it was asked for before; or why there is none."""
    key = "fit:" + service.input_hash(spectrum.content_hash, options)
    found: Decomposition | None = cache.get(key)
    if found is None:
        try:
            found = service.fit_spectrum(spectrum, options)
        except ComputeError as error:
            return None, in_words(error)
        cache.set(key, found, 3600)
    return found, ""


def _figure(spectrum: Spectrum, form: dict[str, Any], found: Decomposition | None) -> Figure:
    energy, intensity = arrays(spectrum)
    lo, hi = shown_range(energy, intensity, table_edge(spectrum))
    if form["options"] is not None:
        low, high = form["options"].energy_range
        lo, hi = max(low, float(energy[0])), min(high, float(energy[-1]))
    inside = (energy >= lo) & (energy <= hi)
    if inside.sum() < 2:
        lo, hi = float(energy[0]), float(energy[-1])
        inside = np.ones(energy.shape, dtype=bool)
    kind = gettext("Experiment") if spectrum.kind == "experiment" else gettext("Theory")
    colour = "ink" if spectrum.kind == "experiment" else "s1"
    figure = Figure(
        energy_label(spectrum),
        intensity_label(spectrum, "computed"),
        (lo, hi),
        nice_range(float(intensity[inside].min()), float(intensity[inside].max())),
        markers=edge_markers(spectrum.absorber, spectrum.edge, (lo, hi)),
    )
    main = Curve(kind, energy, intensity, role_of(spectrum), colour, key=kind)  # type: ignore[arg-type]
    if found is None:
        figure.curves = [main]
        return figure
    words = gettext("Fitted peaks")
    figure.curves = [
        *(
            peak_curve(peak, found.gaussian_sigma_ev, (lo, hi), key=words, number=k)
            for k, peak in enumerate(found.peaks, 1)
        ),
        main,
        Curve(
            gettext("Background"), found.energy_ev, found.background_curve, "line", "s5", "dot",
            key=gettext("Background"),
        ),
        Curve(gettext("Fit"), found.energy_ev, found.model, "fit", "s2", key=gettext("Fit")),
    ]  # fmt: skip
    used = (energy >= found.energy_ev[0]) & (energy <= found.energy_ev[-1])
    residual = intensity[used] - found.model
    figure.curves.append(
        Curve(gettext("Residual"), energy[used], residual, "residual", "s2", panel=1)
    )
    extent = float(np.abs(residual).max()) or 1.0
    figure.residual_label, figure.residual_range = (
        gettext("Residual"),
        (-1.15 * extent, 1.15 * extent),
    )
    return figure


def _order_plot(found: Decomposition) -> Plot | None:
    """The criterion against the number of peaks; the least is chosen."""
    steps = [step for step in found.order_trace if math.isfinite(step.criterion)]
    if len(steps) < 2:
        return None
    least = min(step.criterion for step in steps)
    n = [float(step.n_peaks) for step in steps]
    y = [step.criterion - least for step in steps]
    words = gettext("BIC above its least value")
    figure = Figure(
        gettext("Number of peaks"), words, (min(n) - 0.5, max(n) + 0.5),
        nice_range(0.0, max(y), floor=None),
        [Curve(words, n, y, "experiment", "s1")],
    )  # fmt: skip
    return Plot("order", figure, words, "short nolegend")


def _order_words(found: Decomposition) -> str:
    """Why the number given is not that of the least criterion, where it is not."""
    steps = [step for step in found.order_trace if math.isfinite(step.criterion)]
    if not steps:
        return ""
    least = min(steps, key=lambda step: step.criterion).n_peaks
    if least <= len(found.peaks):
        return ""
    return gettext(
        "The least is at %(least)d; %(kept)d are given, since the data do not determine more."
    ) % {"least": least, "kept": len(found.peaks)}


def _table(spectrum: Spectrum, found: Decomposition, file: File | None) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    name = f"SDB-{spectrum.pk}" if file is None else PurePath(file.upload.name).stem
    response.headers["Content-Disposition"] = (
        content_disposition_header(True, f"{name}-peaks.csv") or "attachment"
    )
    writer = csv.writer(response)
    names = (
        "position_ev", "position_err", "hwhm_ev", "hwhm_err", "area", "area_err", "phase_rad",
    )  # fmt: skip
    writer.writerow(names)
    writer.writerows([getattr(peak, name) for name in names] for peak in found.peaks)
    return response
