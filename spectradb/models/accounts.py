"""Keys for scripts."""

from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.db import models


class ApiKey(models.Model):
    """A key of one person. Only its hash is kept; the key is shown once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=8)
    key_hash = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(auto_now_add=True)
    last_used = models.DateTimeField(null=True, blank=True)
    revoked = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    @staticmethod
    def hash(key: str) -> str:
        """SHA-256: the keys are random, so no slow hash is needed."""
        return hashlib.sha256(key.encode()).hexdigest()

    @classmethod
    def issue(cls, user: models.Model, name: str) -> tuple[ApiKey, str]:
        """A new key, and its text, which cannot be had again."""
        text = "sdb_" + secrets.token_urlsafe(32)
        key = cls.objects.create(
            user_id=user.pk, name=name, prefix=text[:8], key_hash=cls.hash(text)
        )
        return key, text


class Preferences(models.Model):
    """What a person has chosen; one without a row has the defaults."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="preferences"
    )
    mail_notices = models.BooleanField(
        default=True, help_text="Whether what became of a record is mailed too"
    )
    language = models.CharField(
        max_length=10, blank=True, help_text="Of mails: of the page of the sign-up until chosen"
    )

    class Meta:
        verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return f"Of {self.user_id}"
