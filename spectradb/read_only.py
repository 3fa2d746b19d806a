"""A site that only shows: what would change something is answered 503, in words.

The database itself is opened for reading (:mod:`spectradb.settings`), so that nothing is left to
the care of a view; this says why, and keeps forms from being tried at all.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext

from spectradb.middleware import is_api

RETRY_SECONDS = 3600
_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
_IN_COOKIES = ("/theme/", "/i18n/setlang/")  # kept by the browser
_REFUSED = ("readonly database", "read-only transaction", "unable to open database file")


class ReadOnly:
    """Middleware: nothing is sent to a site whose ``READ_ONLY`` is set."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        writes = request.method not in _SAFE and request.path_info not in _IN_COOKIES
        return told(request) if settings.READ_ONLY and writes else self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A page that keeps something to answer, such as a match, is told so too."""
        return told(request) if refused(error) else None


def refused(error: BaseException | None) -> bool:
    """Whether the database refused to write, since the site is read-only."""
    if not (settings.READ_ONLY and isinstance(error, DatabaseError | OSError)):
        return False
    return isinstance(error, OSError) or any(words in str(error) for words in _REFUSED)


def told(request: HttpRequest) -> HttpResponse:
    words = gettext(
        "This site only shows what it has at the moment; nothing is stored or computed."
    )
    response: HttpResponse
    if is_api(request):
        response = JsonResponse({"detail": words}, status=503)
    else:
        context = {"title": gettext("Read-only for now"), "words": words, "status": 503}
        response = render(request, "site/error.html", context, status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response
