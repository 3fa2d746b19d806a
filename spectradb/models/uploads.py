"""Files that people bring: asked about, kept at hand, forgotten."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from spectradb.models.collections import Collection
from spectradb.models.fields import ArrayField
from spectradb.models.jobs import Job

KEEP = timedelta(hours=24)


def new_token() -> str:
    """An address nobody guesses: 128 random bits."""
    return secrets.token_urlsafe(16)


def in_a_day() -> datetime:
    return timezone.now() + KEEP


class Brought(models.TextChoices):
    SPECTRUM = "spectrum"
    STRUCTURE = "structure"


class Upload(models.Model):
    """A file that somebody brings. It and all answers about it go when it expires.

    Answers about it are seen by whoever knows its token; the file is at hand
    (:mod:`spectradb.services.imports.at_hand`) only for its owner: the session that brought it,
    or the account.
    """

    token = models.CharField(max_length=24, unique=True, default=new_token)
    kind = models.CharField(
        max_length=9, blank=True, choices=Brought, help_text="Empty: it waits for an answer."
    )
    name = models.CharField(max_length=200)
    n_bytes = models.PositiveIntegerField()
    told = models.JSONField(default=dict, blank=True, help_text="What its reader understood.")
    created = models.DateTimeField(auto_now_add=True, db_index=True)
    expires = models.DateTimeField(
        null=True,
        blank=True,
        default=in_a_day,
        db_index=True,
        help_text="Empty: kept by an account",
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+"
    )
    curves = ArrayField(
        null=True, blank=True, help_text="(2, n): eV, intensity of all its spectra, end to end"
    )
    data = models.BinaryField(help_text="The file, verbatim.")

    def __str__(self) -> str:
        return self.name


class BroughtSpectrum(Job):
    """The L2,3 spectrum of one site of a crystal that somebody brought; goes with its file."""

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="spectra")
    site_key = models.CharField(max_length=20, help_text="Of compute.sites.Site")
    element = models.CharField(max_length=2)
    route = models.CharField(max_length=20)
    version = models.CharField(max_length=120, help_text="Of the route, the engine, the atom.")
    energy = ArrayField(null=True, blank=True, help_text="(n,) eV")
    intensity = ArrayField(null=True, blank=True, help_text="(n,)")
    offset_err_ev = models.FloatField(null=True, blank=True, help_text="Of the energy scale")
    told = models.JSONField(default=dict, blank=True, help_text="10Dq, spin, case, warnings")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["upload", "site_key", "route", "version"], name="brought_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.element} {self.site_key} of {self.upload_id} ({self.route})"


class Share(models.Model):
    """A link by which others see a file or a collection, until it expires or is taken back."""

    token = models.CharField(max_length=24, unique=True, default=new_token)
    upload = models.ForeignKey(Upload, models.CASCADE, null=True, blank=True, related_name="shares")
    collection = models.ForeignKey(
        Collection, models.CASCADE, null=True, blank=True, related_name="shares"
    )
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(upload__isnull=False, collection__isnull=True)
                | Q(upload__isnull=True, collection__isnull=False),
                name="share_of_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.upload or self.collection}, until {self.expires:%Y-%m-%d}"
