"""Series and maps: many spectra on named axes, stored as one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from numpy.typing import NDArray
from simple_history.models import HistoricalRecords

from spectradb.models.fields import ArrayField
from spectradb.models.spectra import Quantity, Status
from spectradb.models.visibility import as_condition, seen_by

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


COMPUTED = "computed"
"""Technique of the example, of which nothing was measured: what pages know it by."""


class SeriesQuerySet(models.QuerySet["Series"]):
    def visible_to(self, user: User | AnonymousUser | None) -> Self:
        """What this person may see (:mod:`spectradb.models.visibility`)."""
        return self.filter(as_condition(seen_by(user)))

    def without_arrays(self) -> Self:
        """For lists: the arrays stay in the database."""
        return self.defer("energy", "summed", "counted", "preview")


class Series(models.Model):
    """Spectra that belong together. Their values are in one file, which never changes.

    A draft of a watched folder may come to be of a longer one (``services.series.grown``).
    The file is in the storage ``series`` (:data:`spectradb.settings.STORAGES`), laid out by
    :mod:`compute.series.io.store`.
    """

    title = models.CharField(max_length=200, blank=True)
    technique = models.CharField(max_length=12, default="XAS")
    absorber = models.CharField(max_length=2, blank=True)
    edge = models.CharField(max_length=4, blank=True)
    formula = models.CharField(max_length=120, blank=True)
    quantity = models.CharField(max_length=10, choices=Quantity, default=Quantity.ARBITRARY)
    axes = models.JSONField(
        help_text="[{name, unit, size, first, last}], outermost first; the energy follows them. "
        "Where steps differ, with all values."
    )
    n_spectra = models.PositiveIntegerField()
    n_channels = models.PositiveIntegerField()
    energy_min = models.FloatField(help_text="eV")
    energy_max = models.FloatField(help_text="eV")

    file_name = models.CharField(max_length=120, help_text="In the storage of series")
    n_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64, help_text="Of the stored file")
    content_hash = models.CharField(max_length=64, db_index=True)
    source_names = models.JSONField(default=list, blank=True, help_text="Files that it came from")
    header = models.JSONField(default=dict, blank=True)
    warnings = models.JSONField(default=list, blank=True)

    status = models.CharField(max_length=9, choices=Status, default=Status.DRAFT)
    status_note = models.TextField(blank=True, help_text="Reason of the last decision")
    submitted_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)
    contributor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="series"
    )
    licence = models.CharField(max_length=40, default="CC BY 4.0")
    citation = models.TextField(blank=True)
    doi = models.CharField(max_length=120, blank=True)

    energy = ArrayField(help_text="(n_channels,) float64, eV, ascending")
    summed = ArrayField(help_text="(n_channels,) float64, sum of all spectra")
    counted = ArrayField(
        null=True, blank=True, help_text="(n_channels,) float64, how many spectra have a value"
    )
    preview = ArrayField(help_text="Mean of each spectrum, thinned to at most 128 on an axis")

    history = HistoricalRecords(excluded_fields=["energy", "summed", "counted", "preview"])
    objects = SeriesQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "series"
        ordering = ["id"]
        constraints = [
            # The same series brought by two people is a draft of each, and one file.
            models.UniqueConstraint(fields=["content_hash", "contributor"], name="series_once"),
            models.CheckConstraint(
                condition=Q(energy_min__lt=F("energy_max")), name="series_range"
            ),
            models.CheckConstraint(condition=Q(n_spectra__gte=1), name="series_spectra"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="series_status"),
        ]
        indexes = [models.Index(fields=["status", "absorber", "edge"], name="series_facets")]

    def __str__(self) -> str:
        sizes = " × ".join(str(axis["size"]) for axis in self.axes)
        return f"SDB-M{self.pk} {self.absorber} {self.edge} ({sizes})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes, outermost first; () for a single spectrum."""
        return tuple(int(axis["size"]) for axis in self.axes)

    def axis_values(self, number: int) -> NDArray[np.float64]:
        """(size,) float64: where the spectra stand on one axis, in its unit."""
        axis = self.axes[number]
        if "values" in axis:
            return np.asarray(axis["values"], float)
        return np.linspace(axis["first"], axis["last"], int(axis["size"]))
