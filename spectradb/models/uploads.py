"""Files that visitors ask about."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models


def new_token() -> str:
    """An address nobody guesses: 96 random bits."""
    return secrets.token_urlsafe(12)


class Upload(models.Model):
    """A file somebody asks about. It and all answers about it go after a day.

    Whoever knows its token sees it; it is listed nowhere.
    """

    token = models.CharField(max_length=24, unique=True, default=new_token)
    name = models.CharField(max_length=200)
    n_bytes = models.PositiveIntegerField()
    told = models.JSONField(default=dict, blank=True, help_text="What its reader understood.")
    created = models.DateTimeField(auto_now_add=True, db_index=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+"
    )
    data = models.BinaryField(help_text="The file, verbatim.")

    def __str__(self) -> str:
        return self.name
