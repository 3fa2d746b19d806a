"""Lists of records that a person has put together under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from spectradb.models.spectra import Spectrum, Status
from spectradb.models.visibility import as_condition, seen_by

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


class CollectionQuerySet(models.QuerySet["Collection"]):
    def visible_to(self, user: User | AnonymousUser | None) -> Self:
        """What this person may see (:mod:`spectradb.models.visibility`)."""
        return self.filter(as_condition(seen_by(user)))


class Collection(models.Model):
    """A named list of spectra. Whoever sees it sees those of them that they may see anyhow."""

    title = models.CharField(max_length=120)
    description = models.TextField(max_length=2000, blank=True)
    authors = models.CharField(
        max_length=300, blank=True, help_text="Names to cite; its owner's unless said"
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.DRAFT)
    status_note = models.TextField(blank=True, help_text="Reason of the last decision")
    contributor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="collections"
    )
    doi = models.CharField(
        "DOI", max_length=100, blank=True, help_text="Registered for it at DataCite"
    )
    version = models.PositiveIntegerField(
        default=1, help_text="A published list changes no more: its next version is another row"
    )
    replaces = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="replaced_by",
        help_text="The version whose place it takes when it is published",
    )  # fmt: skip
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)

    history = HistoricalRecords()
    objects = CollectionQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="collection_status"),
        ]

    def __str__(self) -> str:
        return f"SDB-C{self.pk} {self.title}"


class CollectionEntry(models.Model):
    """One spectrum of a collection, at its place, with what is said of it there."""

    collection = models.ForeignKey(Collection, models.CASCADE, related_name="entries")
    spectrum = models.ForeignKey(Spectrum, models.CASCADE, related_name="+")
    position = models.PositiveIntegerField()
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["position", "id"]
        verbose_name_plural = "collection entries"
        constraints = [
            models.UniqueConstraint(fields=["collection", "spectrum"], name="collection_once")
        ]

    def __str__(self) -> str:
        return f"SDB-{self.spectrum_id} in SDB-C{self.collection_id}"
