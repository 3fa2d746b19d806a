"""Pages whose forms make the server work are posted a bounded number of times an hour."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from spectradb.throttle import throttled as bounded

View = Callable[..., HttpResponse]


def throttled_posts(scope: str) -> Callable[[View], View]:
    """Answer 429 once a person or address has posted too often; reading is free."""

    def decorate(view: View) -> View:
        posted = bounded(scope, too_many_questions)(view)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return (posted if request.method == "POST" else view)(request, *args, **kwargs)

        return guarded

    return decorate


throttled = throttled_posts("ask")


def too_many_questions(request: HttpRequest, seconds: int) -> HttpResponse:
    """The page that says how long to wait."""
    context = {
        "title": gettext("Too many questions"),
        "words": gettext("Ask again in %d min.") % (seconds // 60 + 1),
        "status": 429,
    }
    return render(request, "site/error.html", context, status=429)
