"""A new version of one's measured spectrum: another file, and why."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from compute.errors import InputError, ReadError, SkipFile
from spectradb.models import Kind, Spectrum
from spectradb.services.curation.revise import may_revise, revise_from_file
from spectradb.services.curation.workflow import CurationError
from spectradb.views.accounts.signed_in import login_required
from spectradb.views.imports.upload import FORMATS
from spectradb.views.spectra.describe import name_of
from spectradb.words import in_words


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def revise(request: HttpRequest, pk: int) -> HttpResponse:
    """The form, and the draft that it makes."""
    rows = Spectrum.objects.visible_to(request.user).without_arrays().filter(kind=Kind.EXPERIMENT)
    row = get_object_or_404(rows.select_related("measurement", "structure"), pk=pk)
    if not may_revise(request.user, row):
        raise PermissionDenied(
            gettext("Only its author and the curators revise the newest version of a spectrum.")
        )
    error = ""
    if request.method == "POST":
        file = request.FILES.get("file")
        error = _why_not(file, request.POST.get("reason", ""))
        if file is not None and not error:
            try:
                new = revise_from_file(
                    row,
                    file.name or "file",
                    file.read(),
                    user=request.user,
                    reason=request.POST["reason"],
                )
            except (ReadError, SkipFile, InputError, CurationError) as problem:
                error = in_words(problem)
            else:
                words = gettext("Version %(version)d is a draft: send it for review.")
                messages.success(request, words % {"version": new.version})
                return redirect("spectrum", new.pk)
    context = {
        "spectrum": row,
        "name": name_of(row),
        "error": error,
        "reason": request.POST.get("reason", ""),
        "formats": FORMATS,
        "limit_mb": settings.SPECTRUM_MAX_MB,
    }
    return render(request, "curation/revise.html", context, status=400 if error else 200)


def _why_not(file: UploadedFile[Any] | None, reason: str) -> str:
    """What is missing or too large, in words; nothing if all is there."""
    if file is None:
        return gettext("Choose the file with the new curve.")
    size, limit = file.size or 0, settings.SPECTRUM_MAX_MB
    if size > limit * 1e6:
        words = gettext("%(name)s has %(size).1f MB; a file may have %(limit)d MB.")
        return words % {"name": file.name, "size": size / 1e6, "limit": limit}
    if not reason.strip():
        return gettext("Say what changed.")
    return ""
