"""Pages of words, and what is shown when something is not there."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET


@require_GET
def cite(request: HttpRequest) -> HttpResponse:
    return render(request, "site/cite.html")


@require_GET
def methods(request: HttpRequest) -> HttpResponse:
    return render(request, "site/methods.html")


@require_GET
def accessibility(request: HttpRequest) -> HttpResponse:
    return render(request, "site/accessibility.html")


@require_GET
def api_help(request: HttpRequest) -> HttpResponse:
    return render(request, "site/api.html", {"base": request.build_absolute_uri("/api/v1/")})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _told(request, 400, gettext("This can’t be read"), str(exception))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No right; or nobody is signed in, and then the way to sign in and be back here."""
    if request.user.is_authenticated:
        return _told(request, 403, gettext("Not allowed"), str(exception))
    words = gettext("Nobody is signed in here, or the session has ended. Sign in to go on.")
    return _told(request, 403, gettext("Not signed in"), words, back=_page_of(request))


def _page_of(request: HttpRequest) -> str:
    """The page that a person was on: its address, or that of the form that was sent."""
    if request.method == "GET":
        return request.get_full_path()
    before = urlsplit(request.headers.get("referer", ""))
    if before.netloc != request.get_host() or not before.path.startswith("/"):
        return "/"
    return before.path + (f"?{before.query}" if before.query else "")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _told(request, 404, gettext("Nothing here"), "")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    words = gettext("The form was open too long or cookies are off. Load the page again.")
    return _told(request, 403, gettext("The form was not accepted"), words)


def server_error(request: HttpRequest) -> HttpResponse:
    """Without the database and without context processors: either may be what is broken."""
    from django.template import loader

    return HttpResponse(loader.get_template("site/500.html").render(), status=500)


def _told(
    request: HttpRequest, status: int, title: str, words: str, *, back: str = ""
) -> HttpResponse:
    context = {"title": title, "words": words, "status": status, "back": back}
    return render(request, "site/error.html", context, status=status)
