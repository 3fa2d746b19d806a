"""What every visitor gets alike is made once, and kept until anything is stored.

The key of a kept answer holds the state of the database (:mod:`spectradb.database_state`). Whatever
anybody commits gives another key, so that nothing has to be told which pages a row is on, and a
withdrawn record is gone with the commit that withdraws it. Answers are kept in each process, for
ten minutes at most, and one where it matters when it was made or what lies in a folder.

An answer also carries an ETag: who has it already is told so in a line (304).
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from collections.abc import Callable

from django.conf import settings
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.translation import get_language

from spectradb.database_state import database_state
from spectradb.middleware import is_api

MOST_BYTES = 200_000  # of an answer; packed, usual ones have some ten
ANSWERS = LocMemCache("answers", {"TIMEOUT": 600, "OPTIONS": {"MAX_ENTRIES": 2000}})
_SHORT = 60  # s
_KEPT = re.compile(
    r"/(?:$|spectra/(?:$|\d+/(?:$|table/$|nearest/$|plot\.svg$|embed/$))|structures/\d+/$"
    r"|coverage/$|collections/$|cite/$|methods/$|accessibility/$|api/$|privacy/$|models/$"
    r"|feed\.atom$|sitemap[\w-]*\.xml$|api/v1/(?:spectra|structures|sites)/(?:$|\d+/$)"
    r"|optimade/)"
)
# "3 min ago" on Home, which models are there, when OPTIMADE was asked.
_KEPT_SHORTLY = re.compile(r"/(?:$|models/$|optimade/)")
_PERSONAL = (settings.SESSION_COOKIE_NAME, "messages")
_VARY = ("Cookie", "Accept-Language", "Authorization", "HX-Request")
_TOKEN = re.compile(rb'(?<=name="csrfmiddlewaretoken" value=")[A-Za-z0-9]{64}(?=")')
_HERE = secrets.token_urlsafe(32).encode()  # where the token was; in no text that anybody sends


class KeptAnswers:
    """Middleware, inside those of sessions, languages and forged requests."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        state = database_state() if _is_shared(request) else None
        if state is None:
            return self.get_response(request)
        key = _key(request, state)
        kept = ANSWERS.get(key)
        if kept is None:
            response = self.get_response(request)
            if not _may_be_kept(request, response):
                return response
            body, headers = _TOKEN.sub(_HERE, response.content), dict(response.items())
            # What was stored meanwhile may be in the answer or not.
            if database_state() == state:
                shortly = _KEPT_SHORTLY.match(request.path_info)
                packed = zlib.compress(body, 1)
                ANSWERS.set(key, (packed, headers), _SHORT if shortly else DEFAULT_TIMEOUT)
        else:
            body, headers = zlib.decompress(kept[0]), kept[1]
        return _answer(request, body, headers)


def _is_shared(request: HttpRequest) -> bool:
    """Whether any visitor would get the same: nobody's session, key or message is in it."""
    return (
        request.method in ("GET", "HEAD")
        and "HTTP_AUTHORIZATION" not in request.META
        and not any(name in request.COOKIES for name in _PERSONAL)
        and _KEPT.match(request.path_info) is not None
    )


def _key(request: HttpRequest, state: str) -> str:
    told = (
        request.method or "",
        state,
        timezone.localdate().isoformat(),
        request.get_full_path(),
        request.build_absolute_uri("/"),  # as it is written in links
        get_language() or "",
        request.COOKIES.get("theme", ""),
        request.headers.get("HX-Request", ""),
        request.headers.get("Accept", "") if is_api(request) else "",  # may be refused: 406
    )
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _may_be_kept(request: HttpRequest, response: HttpResponse) -> bool:
    return (
        response.status_code == 200
        and not response.streaming
        and not response.cookies
        and not request.session.modified
        and "no-store" not in response.get("Cache-Control", "")
        and len(response.content) <= MOST_BYTES
    )


def _answer(request: HttpRequest, body: bytes, headers: dict[str, str]) -> HttpResponse:
    told = body
    if _HERE in body:
        body = body.replace(_HERE, get_token(request).encode())
        told += request.META["CSRF_COOKIE"].encode()  # another cookie needs another form
    etag = f'"{hashlib.sha256(told).hexdigest()[:32]}"'
    response = HttpResponse(body, headers=headers)
    response["ETag"] = etag
    response.headers.setdefault("Cache-Control", "private, no-cache")
    patch_vary_headers(response, _VARY)
    answer = get_conditional_response(request, etag=etag, response=response)
    assert isinstance(answer, HttpResponse)
    return answer
