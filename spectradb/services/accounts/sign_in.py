"""Signing in: failures are counted for an account and an address together.

So nobody guesses passwords, and nobody locks another person out from elsewhere. Guesses over many
accounts are bounded by their address alone.
"""

from __future__ import annotations

import hashlib
from math import ceil
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext

from spectradb.throttle import Throttle


class _Failures(Throttle):
    """Failed sign-ins of one kind; asking whether there may be another counts none."""

    duration: int  # s
    num_requests: int

    def __init__(self, scope: str, ident: str) -> None:
        super().__init__(scope)
        self.ident = ident

    def get_cache_key(self, request: Any, view: Any) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.ident}

    def seconds_to_wait(self, request: HttpRequest) -> int:
        """Zero while another one may be tried."""
        if self.rate is None:
            return 0
        self.key, self.now = self.get_cache_key(request, None), self.timer()
        oldest = self.now - self.duration
        self.history = [at for at in self.cache.get(self.key, []) if at > oldest]
        if len(self.history) < self.num_requests:
            return 0
        return int(ceil(self.history[-1] + self.duration - self.now))


def _counts(request: HttpRequest, name: str) -> tuple[_Failures, _Failures]:
    address = request.META.get("REMOTE_ADDR", "")
    account = hashlib.sha256(name.strip().casefold().encode()).hexdigest()
    return _Failures("sign-in", f"{account}-{address}"), _Failures("sign-ins", address)


class _Limited:
    """For a form of Django's that signs in: refuses before it looks at the password."""

    request: HttpRequest | None
    cleaned_data: dict[str, Any]

    def clean(self) -> dict[str, Any]:
        request, name = self.request, self.cleaned_data.get("username", "")
        assert request is not None  # the views give it
        counts = _counts(request, name)
        if seconds := max(one.seconds_to_wait(request) for one in counts):
            words = gettext("Too many failed sign-ins from here; try again in %d min.")
            raise ValidationError(words % ceil(seconds / 60), code="too_many")
        try:
            return super().clean()  # type: ignore[misc,no-any-return]
        except ValidationError:
            for one in counts:
                one.allow_request(request, None)  # type: ignore[arg-type]
            raise


class SignInForm(_Limited, AuthenticationForm):
    """The site's own page."""


class AdminSignInForm(_Limited, AdminAuthenticationForm):
    """The admin's."""
