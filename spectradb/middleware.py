"""What Django does not do by itself for every request and answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext

Handler = Callable[[HttpRequest], HttpResponse]

# Plotly writes inline styles and exports through blob: images; nothing else is loosened.
_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_OF_PROXIES = (
    "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_REQUEST_ID",
)  # fmt: skip
_SHARED = re.compile(
    r"/(?:api/v1|optimade)/|/spectra/\d+/(?:download/\w+/|original/|embed/|plot\.svg)$"
    r"|/structures/\d+/structure\.cif$|/collections/\d+/(?:download/\w+/|feed\.atom)$"
    r"|/feed\.atom$"
)
_EXPOSED = "Content-Disposition, Content-Length, ETag, Link, Retry-After"
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class ContentSecurityPolicy:
    """Allow scripts, fonts and connections from this site only."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        return response


class PageOfForms:
    """A page in words where an address that takes forms alone is asked for as a page."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != 405 or request.method != "GET" or is_api(request):
            return response
        from spectradb.views.site.pages import not_so

        page = not_so(request)
        page["Allow"] = response["Allow"]
        return page


class AnonymousCors:
    """Let scripts of any site read what every visitor may: the API, downloads, a framed plot.

    Only a GET or HEAD that carries neither a cookie nor a key is answered so, and credentials are
    never allowed: what a browser gets to read across sites is what anybody can fetch. Nothing is
    answered to a preflight, so that a foreign script cannot send a key either.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method not in ("GET", "HEAD") or not _SHARED.match(request.path_info):
            return response
        # The answer to a person differs from the one to a visitor: caches keep them apart.
        patch_vary_headers(response, ("Cookie", "Authorization"))
        if not (request.META.get("HTTP_COOKIE") or request.META.get("HTTP_AUTHORIZATION")):
            response["Access-Control-Allow-Origin"] = "*"
            response["Access-Control-Expose-Headers"] = _EXPOSED
        return response


class TrustedProxies:
    """Who asks, and over what: a proxy named in ``TRUSTED_PROXIES`` is believed, nobody else.

    ``REMOTE_ADDR`` becomes the address that the outermost of our own proxies saw, the last of
    ``X-Forwarded-For`` that is none of them; what a visitor writes there is further left. From
    any other address the headers are dropped, so that no later code reads them.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        named = settings.TRUSTED_PROXIES
        self.socket = "unix" in named
        self.networks = [ip_network(one, strict=False) for one in named if one != "unix"]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        meta = request.META
        if self._trusted(meta.get("REMOTE_ADDR", "")):
            named = meta.pop("HTTP_X_FORWARDED_FOR", "").split(",")
            for address in (text.strip() for text in reversed(named)):
                if _is_address(address) and not self._trusted(address):
                    meta["REMOTE_ADDR"] = address
                    break
        else:
            for name in _OF_PROXIES:
                meta.pop(name, None)
        return self.get_response(request)

    def _trusted(self, address: str) -> bool:
        if not _is_address(address):
            return self.socket and not address  # gunicorn's Unix socket has no address
        return any(ip_address(address) in one for one in self.networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class RefuseNul:
    """Answer 400 where an address, a cookie, a form or JSON holds a NUL: PostgreSQL keeps none."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not self._has_nul(request):
            return self.get_response(request)
        words = gettext("What was sent holds a NUL character; leave it out.")
        if is_api(request):
            return JsonResponse({"detail": words}, status=400)
        return HttpResponse(words, status=400, content_type="text/plain; charset=utf-8")

    @staticmethod
    def _has_nul(request: HttpRequest) -> bool:
        query = request.META.get("QUERY_STRING", "")
        texts = [request.path_info, query, *request.COOKIES.values()]
        if any("\0" in text or "%00" in text for text in texts):
            return True
        if request.method in ("GET", "HEAD"):
            return False
        if request.content_type == "application/json":
            if int(request.META.get("CONTENT_LENGTH") or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                return False  # refused where it is read
            return b"\0" in request.body or bool(_ESCAPED_NUL.search(request.body))
        if request.method != "POST" or is_api(request):
            return False  # forms of the API are read by its serializers, which refuse it too
        fields = (text for _, values in request.POST.lists() for text in values)
        return any("\0" in text for text in (*request.POST.keys(), *fields))


def is_api(request: HttpRequest) -> bool:
    """Whether the answer is for a program: JSON, errors too."""
    return request.path_info.startswith("/api/") and request.path_info != "/api/"
