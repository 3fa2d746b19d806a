"""The tus protocol 1.0: core, creation (with upload), expiration, termination.

https://tus.io/protocols/resumable-upload; what is written where: ``services/series/pieces.py``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import http_date
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from spectradb.models import SeriesFile, SeriesUpload
from spectradb.models.series_uploads import INCOMING
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.series import incoming, pieces
from spectradb.services.series.pieces import PieceError
from spectradb.words import in_words

VERSION = "1.0.0"
PIECE_BYTES = 8 * 10**6
"""What our page sends at once."""
_MOST_PIECE_BYTES = 64 * 10**6  # a piece holds a process of the server while it arrives
_OCTETS = "application/offset+octet-stream"
_EXTENSIONS = "creation,creation-with-upload,expiration,termination"

View = Callable[..., HttpResponse]


def _tus(view: View) -> View:
    """Ask who it is and which version; faults of a piece are told in plain words."""

    @wraps(view)
    def speaking(request: HttpRequest, token: str, **kwargs: int) -> HttpResponse:
        try:
            response = _answer(view, request, token, **kwargs)
        except PieceError as error:
            response = _plain(in_words(error), error.status)
        response["Tus-Resumable"] = VERSION
        response["Cache-Control"] = "no-store"
        return response

    return speaking


def _answer(view: View, request: HttpRequest, token: str, **kwargs: int) -> HttpResponse:
    if request.method == "OPTIONS":
        return HttpResponse(
            status=204,
            headers={
                "Tus-Version": VERSION,
                "Tus-Extension": _EXTENSIONS,
                "Tus-Max-Size": str(settings.ACCOUNT_SERIES_MAX_MB * 10**6),
            },
        )
    if not request.user.is_authenticated:
        return _plain(gettext("Sign in first."), 401)
    if not may_contribute(request.user):
        return _plain(gettext("Only contributors send spectra. A curator can make you one."), 403)
    if request.headers.get("Tus-Resumable", VERSION) != VERSION:
        return HttpResponse(status=412, headers={"Tus-Version": VERSION})
    upload = get_object_or_404(SeriesUpload.objects.visible_to(request.user), token=token)
    if upload.job_status == INCOMING and upload.expires < timezone.now():
        return _plain(gettext("What was sent of this series has expired: begin anew."), 410)
    return view(request, upload, **kwargs)


@require_http_methods(["POST", "OPTIONS"])
@_tus
def files(request: HttpRequest, upload: SeriesUpload) -> HttpResponse:
    """Create one of the announced files, with its first piece if that comes along."""
    n_bytes = _number(request, "Upload-Length")
    told = _metadata(request.headers.get("Upload-Metadata", ""))
    file = incoming.add_file(upload, told.get("filename", ""), n_bytes, told.get("modified", ""))
    offset = 0
    if request.content_type == _OCTETS and int(request.META.get("CONTENT_LENGTH") or 0):
        offset = _take(request, file, 0)
    response = HttpResponse(status=201)
    response["Location"] = reverse("series-file", args=[upload.token, file.pk])
    return _told(response, file, offset)


@require_http_methods(["HEAD", "PATCH", "DELETE", "OPTIONS"])
@_tus
def file(request: HttpRequest, upload: SeriesUpload, pk: int) -> HttpResponse:
    """How much is here, the next piece, or no more of it."""
    row = get_object_or_404(SeriesFile.objects.select_related("upload"), upload=upload, pk=pk)
    if request.method == "HEAD":
        if not row.arrived and row.offset == row.n_bytes:
            incoming.has_arrived(row)  # the server ended between the last byte and its note
        offset = row.n_bytes if row.arrived else row.offset
        response = HttpResponse(headers={"Upload-Length": str(row.n_bytes)})
        return _told(response, row, offset)
    if upload.job_status != INCOMING:
        raise PieceError(409, gettext("All files of this series have arrived."))
    if request.method == "DELETE":
        pieces.remove(row)
        return HttpResponse(status=204)
    if request.content_type != _OCTETS:
        return _plain(gettext("A piece is sent as %s.") % _OCTETS, 415)
    offset = _take(request, row, _number(request, "Upload-Offset"))
    return _told(HttpResponse(status=204), row, offset)


def _take(request: HttpRequest, file: SeriesFile, offset: int) -> int:
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdecimal():
        raise PieceError(411, gettext("A piece says its length (Content-Length)."))
    if int(length) > _MOST_PIECE_BYTES:
        raise PieceError(413, gettext("A piece has at most %d MB.") % (_MOST_PIECE_BYTES // 10**6))
    try:
        offset = pieces.append(file, offset, int(length), request.read)
    except UnreadablePostError as error:  # the sender is gone; what came is kept
        raise PieceError(400, gettext("The connection ended in the middle of a piece.")) from error
    incoming.has_arrived(file)
    return offset


def _told(response: HttpResponse, file: SeriesFile, offset: int) -> HttpResponse:
    response["Upload-Offset"] = str(offset)
    expires = SeriesUpload.objects.values_list("expires", flat=True).get(pk=file.upload_id)
    response["Upload-Expires"] = http_date(expires.timestamp())
    return response


def _number(request: HttpRequest, name: str) -> int:
    text = request.headers.get(name, "")
    if not text.isdecimal() or len(text) > 18:
        raise PieceError(400, gettext("%s: a whole number is needed.") % name)
    return int(text)


def _metadata(text: str) -> dict[str, str]:
    """``key base64,key base64,…``; what is no such thing is left out."""
    told = {}
    for part in text.split(","):
        key, _, value = part.strip().partition(" ")
        try:
            told[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
    return told


def _plain(words: str, status: int) -> HttpResponse:
    return HttpResponse(words, status=status, content_type="text/plain; charset=utf-8")
