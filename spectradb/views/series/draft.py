"""One's own draft of a series: what it says of itself, then to a curator; spectra made into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from compute.errors import ComputeError, InputError
from spectradb.forms import SeriesForm
from spectradb.services.accounts.roles import may_contribute, may_curate
from spectradb.services.curation.quality import missing_of_series
from spectradb.services.curation.workflow import (
    CurationError,
    IncompleteError,
    decide,
    save_with_reason,
    submit,
)
from spectradb.services.series.combine import combine
from spectradb.services.series.discard import discard_draft, may_edit
from spectradb.views.accounts.signed_in import login_required
from spectradb.views.curation.draft import not_sent
from spectradb.views.series.asked import series_of
from spectradb.views.series.describe import name_of
from spectradb.views.spectra.compared import entries_of
from spectradb.words import in_words

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: HttpRequest, pk: int) -> HttpResponse:
    """GET shows what the series says of itself; POST keeps it, and sends it if asked to."""
    row = series_of(request, pk)
    if not may_edit(request.user, row):
        raise PermissionDenied(gettext("Only its contributor edits a draft, before it is sent."))
    form = SeriesForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        told = [name for name in form.changed_data if name != "seen"]
        save_with_reason(row, request.user, f"Edited {', '.join(told) or 'nothing'}.")
        if request.POST.get("then") != "submit":
            messages.success(request, gettext("Saved."))
            return redirect("series-draft", pk)
        try:
            submit(row, request.user)
        except IncompleteError:
            return not_sent(request, "series-draft", pk)
        except CurationError as error:
            messages.error(request, in_words(error))
            return redirect("series-draft", pk)
        messages.success(request, gettext("Sent for review: SDB-M%d.") % pk)
        return redirect("series", pk)
    stored = row if not form.is_bound else series_of(request, pk)
    return render(
        request,
        "series/draft.html",
        {"series": stored, "name": name_of(stored), "form": form,
         "missing": missing_of_series(stored)},
        status=400 if form.is_bound else 200,
    )  # fmt: skip


@login_required
@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        discard_draft(series_of(request, pk), request.user)
    except CurationError as error:
        messages.error(request, in_words(error))
        return redirect("series-draft", pk)
    messages.success(request, gettext("Deleted: SDB-M%d.") % pk)
    return redirect("series-browse")


@login_required
@require_POST
def step(request: HttpRequest, pk: int) -> HttpResponse:
    """A curator's decision, with its note."""
    row = series_of(request, pk)
    if not may_curate(request.user):
        raise PermissionDenied(gettext("Only curators decide."))
    try:
        done = decide(row, request.POST.get("do", ""), request.user, request.POST.get("note", ""))
    except CurationError as error:
        messages.error(request, in_words(error))
    else:
        messages.success(request, f"SDB-M{pk}: {gettext(done.get_status_display())}.")
    return redirect("series", pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def from_spectra(request: HttpRequest) -> HttpResponse:
    """Spectra of a comparison, in its order, as a series with one axis."""
    if not may_contribute(request.user):
        raise PermissionDenied(gettext("Only contributors keep series."))
    entries, missing, _ = entries_of(request)
    spectra = [one.spectrum for one in entries if one.file is None]
    given = {name: request.POST.get(name, "") for name in ("title", "axis", "unit", "values")}
    context: dict[str, Any] = {
        "spectra": spectra,
        "missing": missing,
        "files": [one.name for one in entries if one.file is not None],
        "given": given | {"axis": given["axis"] or "order"},
    }
    if request.method == "POST":
        try:
            made = combine(
                spectra, title=given["title"], axis=given["axis"], unit=given["unit"],
                values=_values(given["values"]), contributor=cast("User", request.user),
            )  # fmt: skip
        except ComputeError as error:
            context["error"] = in_words(error)
        else:
            for text in made.warnings:
                messages.warning(request, in_words(text))
            return redirect("series", made.id)
    status = 400 if "error" in context else 200
    return render(request, "series/combine.html", context, status=status)


def _values(text: str) -> list[float]:
    words = text.replace(",", " ").replace(";", " ").split()
    try:
        return [float(one) for one in words]
    except ValueError:
        raise InputError("values", text[:60], "are numbers, separated by spaces") from None
