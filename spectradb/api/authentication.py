"""Keys for scripts: ``Authorization: Bearer sdb_…``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from spectradb.models import ApiKey

_NOTE_USE_EVERY = timedelta(minutes=10)  # so that reading does not mean writing each time


class ApiKeyAuthentication(BaseAuthentication):
    """A person by one of their keys."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != self.keyword.lower().encode():
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("Write the header as: Authorization: Bearer KEY")
        text = parts[1].decode("ascii", errors="replace")
        key = (
            ApiKey.objects.select_related("user")
            .filter(key_hash=ApiKey.hash(text), revoked=False, user__is_active=True)
            .first()
        )
        if key is None:
            raise AuthenticationFailed("This key is unknown or revoked.")
        now = timezone.now()
        old = key.last_used is None or now - key.last_used > _NOTE_USE_EVERY
        if old and not settings.READ_ONLY:
            ApiKey.objects.filter(pk=key.pk).update(last_used=now)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "spectradb.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key from your account page."}
