"""What all hosts of a site have in common."""

from __future__ import annotations

from django.db import models


class SigningKey(models.Model):
    """The signing key of the site's hosts, as passwords are kept: it tells whether one is the same.

    One row, of number 1, made by the first worker.
    """

    fingerprint = models.CharField(max_length=200)

    def __str__(self) -> str:
        return "Signing key"
