"""How often one visitor may ask what costs the server work; for pages that are not DRF's.

DRF's own throttle does the counting; this only lets a plain Django view ask it. The rates are
those of ``DEFAULT_THROTTLE_RATES``, by address for visitors and by account for people who are
signed in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import ceil
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.throttling import SimpleRateThrottle

View = Callable[..., HttpResponse]


class Throttle(SimpleRateThrottle):
    """Requests of one person to the views of one scope."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__()

    def get_cache_key(self, request: Any, view: Any) -> str:
        user = request.user
        ident = f"u{user.pk}" if user.is_authenticated else self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": ident}


def throttled(
    scope: str, refuse: Callable[[HttpRequest, int], HttpResponse]
) -> Callable[[View], View]:
    """Answer ``refuse(request, seconds to wait)`` with ``Retry-After`` once the rate is used up."""

    def decorate(view: View) -> View:
        @wraps(view)
        def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            throttle = Throttle(scope)
            if throttle.allow_request(request, view):  # type: ignore[arg-type]  # reads META, user
                return view(request, *args, **kwargs)
            seconds = ceil(throttle.wait() or 1)
            answer = refuse(request, seconds)
            answer["Retry-After"] = str(seconds)
            return answer

        return limited

    return decorate
