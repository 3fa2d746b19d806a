"""Pages of words, and what is shown when something is not there."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from spectradb.middleware import is_api
from spectradb.read_only import refused, told
from spectradb.views.accounts.openid import providers
from spectradb.views.accounts.signed_in import page_of
from spectradb.views.search.recipe import python_recipe
from spectradb.views.site.ended import Ended


@require_safe
def cite(request: HttpRequest) -> HttpResponse:
    return render(request, "site/cite.html")


@require_safe
def methods(request: HttpRequest) -> HttpResponse:
    return render(request, "site/methods.html")


@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    return render(request, "site/accessibility.html")


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    return render(request, "site/privacy.html", {"providers": providers()})


@require_safe
def api_help(request: HttpRequest) -> HttpResponse:
    recipe = python_recipe(request, {"absorber": ["Ni"], "edge": ["L23"]})
    base = request.build_absolute_uri("/api/v1/")
    return render(request, "site/api.html", {"base": base, "recipe": recipe})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return JsonResponse({"detail": str(exception) or "This can’t be read."}, status=400)
    return _told(request, 400, gettext("This can’t be read"), str(exception))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No right; or nobody is signed in, and then the way to sign in and be back here."""
    if request.user.is_authenticated:
        return _told(request, 403, gettext("Not allowed"), str(exception))
    words = gettext("Nobody is signed in here, or the session has ended. Sign in to go on.")
    return _told(request, 403, gettext("Not signed in"), words, back=page_of(request))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return JsonResponse({"detail": "There is nothing at this address."}, status=404)
    words = str(exception) if isinstance(exception, Ended) else ""
    return _told(request, 404, gettext("Nothing here"), words)


def not_so(request: HttpRequest) -> HttpResponse:
    """An address that takes forms alone, asked for as a page: reloaded, or come back to."""
    words = gettext("This address only takes what a form sends. Go back to the page of the form.")
    return _told(request, 405, gettext("No page is here"), words)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    words = gettext("The form was open too long or cookies are off. Load the page again.")
    return _told(request, 403, gettext("The form was not accepted"), words)


def server_error(request: HttpRequest) -> HttpResponse:
    """Without the database and without context processors: either may be what is broken.

    A database that does not answer is 503: asking again helps.
    """
    from django.template import loader

    if refused(sys.exception()):
        return told(request)
    away = isinstance(sys.exception(), OperationalError | InterfaceError)
    status = 503 if away else 500
    response: HttpResponse
    if is_api(request):
        words = "The database does not answer." if away else "Something broke here; it is logged."
        response = JsonResponse({"detail": words}, status=status)
    else:
        response = HttpResponse(loader.get_template("site/500.html").render(), status=status)
    if away:
        response["Retry-After"] = "30"
    return response


def _told(
    request: HttpRequest, status: int, title: str, words: str, *, back: str = ""
) -> HttpResponse:
    context = {"title": title, "words": words, "status": status, "back": back}
    return render(request, "site/error.html", context, status=status)
