"""Views of one's own: who is not signed in signs in first, and is then where they were."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def login_required(view: View[P]) -> View[P]:
    """As Django's, but a form leads back to its page: what takes forms alone has none to show."""

    @wraps(view)
    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        return redirect_to_login(page_of(request))

    return checked


def page_of(request: HttpRequest) -> str:
    """The page that a person was on: its address, or that of the form that was sent."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    before = urlsplit(request.headers.get("referer", ""))
    if before.netloc != request.get_host() or not before.path.startswith("/"):
        return "/"
    return before.path + (f"?{before.query}" if before.query else "")
