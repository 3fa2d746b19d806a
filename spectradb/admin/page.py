"""What the curation page shows beside the form: plot, checks, place in the queue, history."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from spectradb.labels import label
from spectradb.models import Kind, Measurement, Spectrum
from spectradb.services.curation.quality import CHECK, FAIL, PASS, duplicate
from spectradb.services.curation.workflow import STEPS, history_of, may_take, place_in_queue
from spectradb.services.peaks.proposals import done_fits
from spectradb.views.spectra.describe import name_of

if TYPE_CHECKING:
    from spectradb.views.spectra.figures import Plot

_WORDS = {PASS: _("Pass"), CHECK: _("Check"), FAIL: _("Fail")}
_COMPARED = (
    "absorber", "edge", "technique", "quantity", "formula", "structure_id", "site_id", "licence",
    "energy_offset_ev", "n_points", "energy_min", "energy_max",
)  # fmt: skip


def context_of(row: Spectrum, request: HttpRequest) -> dict[str, Any]:
    """Everything that the template of the change page adds to the admin's own context."""
    older = row.replaces
    theory = _theory_for(row)
    view = request.GET.get("plot", "")
    views = [("", gettext("As computed") if row.kind == Kind.THEORY else gettext("Raw"))]
    if row.kind == Kind.EXPERIMENT:
        views.append(("normalised", gettext("Normalised")))
    if theory is not None:
        views.append(("theory", gettext("Against theory")))
    if older is not None:
        views.append(("version", gettext("Against version %d") % older.version))
    view = view if view in dict(views) else ""
    plot, note = _plot(row, view, theory, older)
    checks = [{**one, "word": _WORDS.get(one.get("verdict", ""), "")} for one in _checks(row)]
    place = place_in_queue(row)
    return {
        "spectrum": row,
        "name": name_of(row),
        "plot": plot,
        "plot_caption": note,
        "plot_views": views,
        "plot_view": view,
        "checks_open": [one for one in checks if one["verdict"] != PASS],
        "checks_passed": [one for one in checks if one["verdict"] == PASS],
        "blocked": [one for one in checks if one["verdict"] == FAIL],
        "steps": {
            name for name, step in STEPS.items()
            if row.status == step.start and may_take(name, row, request.user)
        },
        "place": place,
        "previous_url": _change_url(place.previous),
        "next_url": _change_url(place.next),
        "story": history_of(row),
        "comments": list(row.comments.select_related("author", "answered_by").order_by("-pk")[:20]),
        "older": older,
        "version_changes": _changes(older, row) if older is not None else [],
        "fits": list(done_fits(row).defer("residual", "order_trace")[:10]),
        "decision_note": request.session.pop("decision_note", ""),
    }  # fmt: skip


def _checks(row: Spectrum) -> list[dict[str, Any]]:
    """What is stored, with the duplicates among what others have not published."""
    found = asdict(duplicate(row, everywhere=True))
    told = [found if one.get("name") == found["name"] else one for one in row.checks]
    return sorted(told, key=lambda one: one.get("verdict") == PASS)


def with_story(
    page: ModelAdmin[Any], request: HttpRequest, object_id: str
) -> dict[str, Any] | None:
    """What the history page shows of a row: its own versions, not the admin's log."""
    row = page.get_object(request, object_id)
    if row is None or not hasattr(row, "history"):
        return None
    return {"story": history_of(row)}


def _change_url(pk: int | None) -> str:
    return "" if pk is None else reverse("admin:spectradb_spectrum_change", args=[pk])


def _plot(
    row: Spectrum, view: str, theory: Spectrum | None, older: Spectrum | None
) -> tuple[Plot, str]:
    # The admin is loaded by every command; what draws needs SciPy and Numba.
    from spectradb.views.spectra.figures import Plot
    from spectradb.views.spectra.spectrum_figure import Options, caption, spectrum_figure

    norm = "computed" if row.kind == Kind.THEORY else "raw"
    options = Options("normalised" if view == "normalised" else norm, lines=False)
    overlay = None
    if view == "theory" and theory is not None:
        options = Options("peak", align=True)
        overlay = theory
    elif view == "version":
        overlay = older
    figure = spectrum_figure(row, options, None, overlay)
    text = caption(row, figure)
    return Plot("plot", figure, text), " · ".join(
        [text, *options.notes, gettext("Raw data are kept.")]
    )


def _theory_for(row: Spectrum) -> Spectrum | None:
    """A published calculation to lay a measurement against: of its structure, else its formula."""
    if row.kind == Kind.THEORY or not row.absorber:
        return None
    published = Spectrum.objects.published().filter(
        kind=Kind.THEORY, absorber=row.absorber, edge=row.edge,
        energy_min__lt=row.energy_max, energy_max__gt=row.energy_min,
    )  # fmt: skip
    if row.structure_id is not None:
        return published.filter(structure_id=row.structure_id).first()
    return published.filter(formula=row.formula).first() if row.formula else None


def _changes(older: Spectrum, newer: Spectrum) -> list[tuple[str, str, str]]:
    """Name, before, after of every column and measurement field that two versions differ in."""
    found = [
        (label(name.removesuffix("_id")), _text(before), _text(after))
        for name in _COMPARED
        if (before := getattr(older, name)) != (after := getattr(newer, name))
    ]
    if older.measurement is not None and newer.measurement is not None:
        found += [
            (str(field.verbose_name), _text(before), _text(after))
            for field in Measurement._meta.concrete_fields
            if field.name not in {"id", "header", "warnings"}
            and (before := getattr(older.measurement, field.attname))
            != (after := getattr(newer.measurement, field.attname))
        ]
    if older.n_points == newer.n_points and np.array_equal(older.energy, newer.energy):
        largest = float(np.abs(newer.intensity - older.intensity).max())
        scale = float(np.ptp(older.intensity)) or 1.0
        found.append(
            (
                label("intensity"),
                "",
                gettext("differs by up to %s %% of its range") % f"{100 * largest / scale:.3g}",
            )
        )
    else:
        found.append((label("n_points"), str(older.n_points), str(newer.n_points)))
    return found


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)
