"""The spectrum page: plot, peaks, parameters, levels, provenance."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.core.exceptions import BadRequest
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.views.decorators.http import require_safe
from numpy.typing import NDArray

from spectradb.models import Kind, PeakFit, Quantity, Spectrum, Status
from spectradb.plots.standalone import standalone
from spectradb.services.accounts.roles import may_contribute, may_curate
from spectradb.services.curation.drafts import may_edit
from spectradb.services.curation.revise import may_revise
from spectradb.services.peaks import proposals
from spectradb.services.search.nearest import nearest_spectra
from spectradb.services.spectra.normalise import may_state
from spectradb.views.calculations.levels import field_levels, level_plot
from spectradb.views.site.records import dataset, rich_title
from spectradb.views.spectra import provenance, story
from spectradb.views.spectra.describe import name_of
from spectradb.views.spectra.figures import Plot, arrays, edge_markers, shown_range, table_edge
from spectradb.views.spectra.spectrum_figure import Options, caption, fit_curve, spectrum_figure

FloatArray = NDArray[np.float64]
THEORY_NORMS = ("computed", "peak", "area")
EXPERIMENT_NORMS = ("raw", "normalised", "peak", "area")
_RELATED = ("structure", "site", "calculation", "measurement", "measurement__file", "contributor")


@require_safe
def spectrum(request: HttpRequest, pk: int) -> HttpResponse:
    shown = _visible(request, pk)
    if isinstance(shown, HttpResponse):
        return shown
    siblings = _siblings(shown, request)
    options = _options(request.GET, shown)
    fit = _fit(shown, request.GET.get("fit_id"))
    overlay = None
    if options.overlay is not None:
        overlay = Spectrum.objects.visible_to(request.user).filter(pk=options.overlay).first()
    figure = spectrum_figure(shown, options, fit, overlay)
    measured = sum(s.kind == Kind.EXPERIMENT for s in siblings)
    versions = story.versions_of(shown, request.user)
    return render(
        request,
        "spectra/spectrum.html",
        {
            "spectrum": shown,
            "newer": next((v.pk for v in versions if v.number > shown.version and v.seen), None),
            "versions": versions,
            "story": story.story_of(shown, request.user),
            "comments": story.comments_on(shown, request.user),
            "name": name_of(shown),
            "options": options,
            "norms": _norm_choices(shown),
            "plot": Plot("plot", figure, caption(shown, figure)),
            "caption": caption(shown, figure),
            "fit": fit,
            "fits": list(proposals.done_fits(shown).defer("residual", "order_trace")[:20]),
            "may_accept": proposals.may_accept(request.user, shown),
            "peaks": _peak_rows(shown, fit),
            "siblings": siblings,
            "n_measured": measured,
            "overlay": overlay,
            "facts": provenance.facts(shown),
            "status_facts": provenance.status_facts(shown),
            "parameters": provenance.parameters(shown),
            "told_ion": provenance.told_ion(shown),
            "shared_charge": provenance.shared_charge(shown),
            "levels": level_plot(shown),
            "field_levels": field_levels(shown),
            "citation": provenance.citation(shown),
            "engine_citation": provenance.engine_citation(shown),
            "bibtex": provenance.bibtex(shown, request.build_absolute_uri(request.path)),
            # Its signs of markup are written as escapes of JSON.
            "dataset": mark_safe(dataset(shown, request))  # noqa: S308
            if shown.is_public
            else "",
            "embed_url": request.build_absolute_uri(reverse("spectrum-embed", args=[pk])),
            "api_url": request.build_absolute_uri(f"/api/v1/spectra/{shown.pk}/"),
            "may_curate": may_curate(request.user),
            "may_fit": may_contribute(request.user),
            "can_revise": shown.kind == Kind.EXPERIMENT and may_revise(request.user, shown),
            "can_normalise": may_state(request.user, shown),
            "can_edit": may_edit(request.user, shown),
            "can_submit": shown.status in (Status.DRAFT, Status.REJECTED)
            and request.user.is_authenticated
            and shown.contributor_id == request.user.pk,
        },
    )


@require_safe
def data_table(request: HttpRequest, pk: int) -> HttpResponse:
    """The numbers of the plot, as a table that a screen reader can walk."""
    shown = _visible(request, pk)
    if isinstance(shown, HttpResponse):
        return shown
    energy, intensity = arrays(shown)
    fit = _fit(shown, request.GET.get("fit_id"))
    model = fit_curve(shown, fit)
    lo, hi = shown_range(energy, intensity, table_edge(shown))
    inside = np.flatnonzero((energy >= lo) & (energy <= hi))
    if inside.size > 500:
        inside = inside[:: int(np.ceil(inside.size / 500))]
    rows = [
        (
            energy[k],
            intensity[k],
            *((model[k], intensity[k] - model[k]) if model is not None else ()),
        )
        for k in inside
    ]
    return render(
        request,
        "spectra/data_table.html",
        {"spectrum": shown, "rows": rows, "fit": model is not None, "name": name_of(shown)},
    )


@require_safe
def drawing(request: HttpRequest, pk: int) -> HttpResponse:
    """The plot as a file: SVG with its own styles."""
    shown = _visible(request, pk)
    if isinstance(shown, HttpResponse):
        return shown
    options = _options(request.GET, shown)
    figure = spectrum_figure(shown, options, _fit(shown, None), None)
    response = HttpResponse(
        standalone(figure, rich_title(shown)),
        content_type="image/svg+xml",
    )
    response["Content-Disposition"] = f'attachment; filename="SDB-{shown.pk}.svg"'
    return response


@require_safe
def nearest(request: HttpRequest, pk: int) -> HttpResponse:
    """The most alike spectra of the same edge, asked for when the page is up."""
    shown = _visible(request, pk)
    if isinstance(shown, HttpResponse):
        return shown
    return render(request, "spectra/_nearest.html", {"nearest": nearest_spectra(shown)})


def _visible(request: HttpRequest, pk: int) -> Spectrum | HttpResponse:
    """The row if this person may see it; a tombstone if it was withdrawn; 404 otherwise."""
    rows = Spectrum.objects.select_related(*_RELATED).defer(
        "structure__data", "measurement__file__data"
    )
    found = rows.visible_to(request.user).filter(pk=pk).first()
    if found is not None:
        return found
    gone = get_object_or_404(Spectrum.objects.without_arrays(), pk=pk)
    if gone.status != Status.WITHDRAWN or gone.under_embargo:
        raise Http404
    return render(request, "spectra/withdrawn.html", {"spectrum": gone}, status=410)


def _siblings(shown: Spectrum, request: HttpRequest) -> list[Spectrum]:
    """Other spectra of this edge and compound, measured ones first, for a list of names."""
    if not shown.absorber:
        return []
    same = Q(formula=shown.formula) if shown.formula else Q(pk__in=[])
    if shown.structure_id:
        same |= Q(structure=shown.structure_id)
    return list(
        Spectrum.objects.visible_to(request.user)
        .filter(same, absorber=shown.absorber, edge=shown.edge)
        .exclude(pk=shown.pk)
        .only("kind", "formula", "title")
        .order_by("kind", "pk")[:20]
    )


def _fit(shown: Spectrum, asked: str | None) -> PeakFit | None:
    """The fit asked for, else that of the record."""
    if asked and asked.isdecimal():
        done = proposals.done_fits(shown).prefetch_related("peaks")
        return done.filter(pk=int(asked[:18])).first()
    return proposals.shown_fit(shown)


def _options(get: QueryDict, shown: Spectrum) -> Options:
    theory = shown.kind == Kind.THEORY
    norms = THEORY_NORMS if theory else EXPERIMENT_NORMS
    options = Options(get.get("norm") if get.get("norm") in norms else norms[0])  # type: ignore[arg-type]
    if not theory and not get.get("norm") and shown.quantity == Quantity.NORMALISED:
        options.norm = "raw"
    if "shown" in get:
        flags = set(get.getlist("show"))
        options.sticks, options.fit = "sticks" in flags, "fit" in flags
        options.residual, options.align = "residual" in flags, "align" in flags
        options.lines = "lines" in flags
    options.full = get.get("range") == "full"
    overlay = get.get("overlay", "")
    options.overlay = int(overlay) if overlay.isdecimal() else None
    try:
        options.shift_ev = float(get.get("shift") or 0)
    except ValueError as error:
        raise BadRequest(gettext("shift: write a number with a point, such as 1.5")) from error
    if not abs(options.shift_ev) < 1000:
        options.shift_ev = 0.0
    return options


def _norm_choices(shown: Spectrum) -> list[tuple[str, str]]:
    words = {
        "computed": gettext("As computed"),
        "raw": gettext("As measured"),
        "normalised": gettext("Normalised"),
        "peak": gettext("Peak = 1"),
        "area": gettext("Area = 1"),
    }
    names = THEORY_NORMS if shown.kind == Kind.THEORY else EXPERIMENT_NORMS
    return [(name, words[name]) for name in names]


def _peak_rows(shown: Spectrum, fit: PeakFit | None) -> list[dict[str, Any]]:
    """Peaks of a fit with the edge each belongs to."""
    if fit is None:
        return []
    edges = edge_markers(shown.absorber, shown.edge, (0.0, 1e6))
    rows = []
    for peak in fit.peaks.all():
        below = [m for m in sorted(edges, key=lambda m: m.x) if m.x <= peak.position_ev + 3.0]
        label = (
            (below or sorted(edges, key=lambda m: m.x))[-1 if below else 0].label if edges else ""
        )
        rows.append({"peak": peak, "number": peak.index + 1, "edge": label})
    return rows
