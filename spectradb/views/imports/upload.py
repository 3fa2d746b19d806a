"""Sending measured files: read, told what was understood, kept as drafts, sent for review."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from spectradb.forms import AbsorberForm, UploadForm
from spectradb.models import Spectrum, Status
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.curation.quality import keep_checks
from spectradb.services.curation.workflow import CurationError, submit
from spectradb.services.imports.spectra import ImportedFile, import_file

FORMATS = (
    ("XDI", ".xdi"), ("9809", "KEK-PF, SPring-8"), ("EMSA/MAS", ".msa"), ("Athena", ".prj"),
    ("HDF5/NXdata", ".h5 .nxs"), ("DM3/DM4", ".dm3 .dm4"), ("columns", ".dat .txt .csv"),
)  # fmt: skip


@login_required
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    if not may_contribute(request.user):
        raise PermissionDenied(
            gettext("Only contributors send spectra. A curator can make you one.")
        )
    form = UploadForm(request.POST or None, request.FILES or None)
    results: list[dict[str, Any]] = []
    if request.method == "POST" and form.is_valid():
        for file in form.cleaned_data["files"]:
            done = import_file(
                file.name or "upload",
                file.read(),
                element=form.cleaned_data["element"] or None,
                edge=form.cleaned_data["edge"] or None,
                contributor=request.user,  # type: ignore[arg-type]
            )
            results.append(_result(done))
    status = 400 if request.method == "POST" and not results else 200
    context = {
        "form": form,
        "results": results,
        "formats": FORMATS,
        "limit_mb": settings.SPECTRUM_MAX_MB,
    }
    return render(request, "imports/upload.html", context, status=status)


@login_required
@require_POST
def submit_spectrum(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a draft for review, with the element and edge if its file could not say them."""
    row = get_object_or_404(Spectrum.objects.visible_to(request.user), pk=pk)
    if row.contributor_id != request.user.pk:
        raise PermissionDenied(gettext("Only its contributor can send a draft for review."))
    if row.status == Status.DRAFT and request.POST.get("element"):
        form = AbsorberForm(request.POST)
        if not form.is_valid():
            for errors in form.errors.values():
                messages.error(request, " ".join(str(e) for e in errors))
            return redirect("spectrum", pk)
        row.absorber = form.cleaned_data["element"] or row.absorber
        row.edge = form.cleaned_data["edge"] or row.edge
        keep_checks(row)
        row.save()
    try:
        submit(row, request.user)
    except CurationError as error:
        messages.error(request, str(error))
    else:
        words = gettext("Sent for review: SDB-%d. A curator will look at it.") % pk
        messages.success(request, words)
    return redirect("spectrum", pk)


def _result(done: ImportedFile) -> dict[str, Any]:
    """One file for the page: its spectra with their rows where they were stored."""
    ids = [one["id"] for one in done.spectra if one.get("id")]
    rows = Spectrum.objects.without_arrays().in_bulk(ids)
    return {
        "file": done,
        "spectra": [{"told": one, "row": rows.get(one.get("id"))} for one in done.spectra],
        "asks": [one for one in done.spectra if not one.get("element") or not one.get("edge")],
    }
