"""Pages that read a person's file: one at a time, answered in bounded time."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from spectradb.turns import one_at_a_time


def _taken(request: HttpRequest) -> HttpResponse:
    context = {
        "title": gettext("Another file is being read"),
        "words": gettext("Files of one person are read one after the other. Send this one again."),
        "status": 429,
    }
    return render(request, "site/error.html", context, status=429)


in_turn = one_at_a_time(_taken)


def status_of(error: Exception) -> int:
    """Of the answer to a file that was not read: the file's fault, or only the moment's."""
    return 503 if getattr(error, "permanent", None) is False else 400
