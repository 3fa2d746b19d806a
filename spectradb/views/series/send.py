"""Sending a series: announced by its files, then sent in pieces, then read by a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from compute.errors import InputError
from spectradb.models import JobStatus, SeriesUpload
from spectradb.models.series_uploads import INCOMING
from spectradb.services.accounts.quotas import QuotaError, series_bytes_left
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.series import incoming
from spectradb.views.accounts.signed_in import login_required
from spectradb.views.series.tus import PIECE_BYTES
from spectradb.views.site.throttle import throttled_posts
from spectradb.words import in_words

if TYPE_CHECKING:
    from django.contrib.auth.models import User

FORMATS = (
    "HDF5/NXdata, NXxas", ".hspy", ".npy + .json", "STXM .hdr + .xim", "Athena .prj",
    ".xdi .dat .txt .csv",
)  # fmt: skip


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@throttled_posts("upload")
def send(request: HttpRequest) -> HttpResponse:
    """The page; posted, files are announced and the answer is where they go (JSON)."""
    user = _contributor(request)
    if request.method != "POST":
        mine = SeriesUpload.objects.visible_to(user).order_by("-pk")
        return render(request, "series/send.html", _context(user, None, list(mine[:20])))
    counts = [request.POST.get(name, "") for name in ("n_files", "n_bytes")]
    try:
        if not all(text.isdecimal() and len(text) < 16 for text in counts):
            raise InputError("files", counts, "needs whole numbers")
        upload = incoming.announce(
            user, n_files=int(counts[0]), n_bytes=int(counts[1]), **_stated(request)
        )
    except (InputError, QuotaError) as error:
        return JsonResponse({"detail": in_words(error)}, status=400)
    told = {name: reverse(f"series-{name}", args=[upload.token]) for name in ("sent", "files")}
    return JsonResponse(told, status=201)


@login_required
@require_safe
def sent(request: HttpRequest, token: str) -> HttpResponse:
    """One upload: what is here of it, or what became of it."""
    user = _contributor(request)
    upload = _own(user, token)
    return render(request, "series/send.html", _context(user, upload, []))


@login_required
@require_POST
def again(request: HttpRequest, token: str) -> HttpResponse:
    """Read files that failed once more, with what is stated now."""
    upload = _own(_contributor(request), token)
    try:
        incoming.read_again(upload, **_stated(request))
    except InputError as error:
        messages.error(request, in_words(error))
    return redirect("series-sent", token)


@login_required
@require_POST
def forget(request: HttpRequest, token: str) -> HttpResponse:
    """Delete what was sent; a series that was made of it stays."""
    upload = _own(_contributor(request), token)
    if not incoming.forget(upload):
        messages.error(request, gettext("It is being read; wait for the end."))
        return redirect("series-sent", token)
    return redirect("series-upload")


def _contributor(request: HttpRequest) -> User:
    if not may_contribute(request.user):
        raise PermissionDenied(
            gettext("Only contributors send spectra. A curator can make you one.")
        )
    return cast("User", request.user)


def _own(user: User, token: str) -> SeriesUpload:
    return get_object_or_404(SeriesUpload.objects.visible_to(user), token=token)


def _stated(request: HttpRequest) -> dict[str, Any]:
    return {
        "element": request.POST.get("element", "").strip(),
        "edge": request.POST.get("edge", "").strip(),
        "axes": [text.strip() for text in request.POST.get("axes", "").split(",") if text.strip()],
    }


def _context(
    user: User, upload: SeriesUpload | None, uploads: list[SeriesUpload]
) -> dict[str, Any]:
    context: dict[str, Any] = {
        "upload": upload,
        "uploads": uploads,
        "formats": FORMATS,
        "left_gb": series_bytes_left(user) / 1e9,
        "limit_gb": settings.ACCOUNT_SERIES_MAX_MB / 1e3,
        "job": {"n_files": incoming.MAX_FILES, "piece": PIECE_BYTES},
    }
    if upload is None:
        return context
    files = list(upload.files.order_by("pk"))
    arrived = sum(file.n_bytes if file.arrived else file.offset for file in files)
    context["incoming"] = upload.job_status == INCOMING
    context["open"] = upload.job_status in (JobStatus.QUEUED, JobStatus.RUNNING)
    context["arrived"] = upload.n_bytes if not context["incoming"] else arrived
    context["axes"] = ", ".join(upload.axes)
    context["reason"] = in_words(upload.error)
    context["job"] |= {
        "sent": reverse("series-sent", args=[upload.token]),
        "files": reverse("series-files", args=[upload.token]),
        "n_bytes": upload.n_bytes,
        "known": [
            {
                "name": file.sent_name,
                "size": file.n_bytes,
                "modified": file.modified,
                "at": reverse("series-file", args=[upload.token, file.pk]),
                "offset": file.n_bytes if file.arrived else file.offset,
            }
            for file in (files if context["incoming"] else [])
        ],
    }
    return context
