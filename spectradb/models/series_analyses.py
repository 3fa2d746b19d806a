"""Analyses of series: what was asked, how far it is, and the file of maps that it became."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from spectradb.models.jobs import Job, JobStatus
from spectradb.models.series import Series
from spectradb.models.visibility import CURATE, as_condition, seen_by

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


class SeriesAnalysisQuerySet(models.QuerySet["SeriesAnalysis"]):
    def visible_to(self, user: User | AnonymousUser | None) -> Self:
        """Of series that this person sees: the public ones and their own; curators see all."""
        rows = self.filter(as_condition(seen_by(user), "series__"))
        if user is None or not user.is_authenticated:
            return rows.filter(public=True)
        if user.has_perm(CURATE):
            return rows
        return rows.filter(Q(public=True) | Q(requested_by=user.pk))


class SeriesAnalysis(Job):
    """Maps of a series by one method; asked for twice by the same person, it is one row."""

    series = models.ForeignKey(Series, models.CASCADE, related_name="analyses")
    method = models.CharField(max_length=20, help_text="references, nmf, mcr, parameters …")
    options = models.JSONField(default=dict, help_text="What was asked, as the method takes it")
    public = models.BooleanField(
        default=False,
        help_text="Asked for by the series' contributor or a curator: whoever sees the series "
        "sees it. Otherwise it is of who asked.",
    )
    input_hash = models.CharField(max_length=64, unique=True)
    done = models.PositiveIntegerField(default=0, help_text="Spectra")
    rate = models.FloatField(null=True, blank=True, help_text="Spectra a second, while it runs")
    told = models.JSONField(default=dict, blank=True, help_text="Names, noise, version …")
    warnings = models.JSONField(default=list, blank=True)
    file_name = models.CharField(max_length=120, blank=True, help_text="In the storage of series")
    n_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the file of maps")

    objects = SeriesAnalysisQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "series analyses"
        ordering = ["-id"]
        indexes = [models.Index(fields=["job_status", "-created"], name="series_analysis_status")]

    def __str__(self) -> str:
        return f"Analysis {self.pk} of SDB-M{self.series_id} ({self.method})"

    @property
    def is_open(self) -> bool:
        return self.job_status in (JobStatus.QUEUED, JobStatus.RUNNING)

    @property
    def seconds_left(self) -> float | None:
        """Reads the series for its number of spectra."""
        if self.job_status != JobStatus.RUNNING or not self.rate:
            return None
        return (self.series.n_spectra - self.done) / self.rate
