"""What every queued piece of work has in common, and the two kinds that have no other home."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from spectradb.models.visibility import OwnedQuerySet


class JobStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class Job(models.Model):
    """Status, error and timings of a row that a worker fills.

    A worker claims a row by a conditional update from *queued* to *running*, so that a job handed
    out twice runs once.
    """

    job_status = models.CharField(
        "status", max_length=9, choices=JobStatus, default=JobStatus.QUEUED
    )
    error = models.TextField(blank=True, help_text="Cause in words, for the person who asked.")
    error_cause = models.CharField(
        max_length=60, blank=True, help_text="Short class of the failure; failures group by it."
    )
    error_permanent = models.BooleanField(
        default=False, help_text="Whether trying again gives the same failure."
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=120, blank=True, help_text="host:process that has it")
    heartbeat = models.DateTimeField(null=True, blank=True, help_text="Last sign of that worker")
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True, blank=True)
    finished = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True, help_text="Run time, s")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        abstract = True


class Export(Job):
    """A bulk download too large to answer at once."""

    public = models.BooleanField(
        default=False,
        help_text="Asked for by a visitor: it holds what is published, and all may fetch it.",
    )
    query = models.JSONField(help_text="The search that selects the rows.")
    format = models.CharField(max_length=8)
    columns = models.JSONField(default=list, blank=True)
    file_name = models.CharField(max_length=120, blank=True)
    n_rows = models.PositiveIntegerField(null=True, blank=True)
    n_bytes = models.PositiveBigIntegerField(null=True, blank=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["job_status", "-created"], name="export_by_status")]

    def __str__(self) -> str:
        return f"Export {self.pk} ({self.format})"


class ImportRun(Job):
    """A bulk import that resumes at the page where it stopped."""

    source = models.CharField(max_length=20)
    query = models.JSONField()
    query_hash = models.CharField(max_length=64, unique=True)
    next_offset = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    broken = models.JSONField(default=list, blank=True, help_text="Documents left out, and why.")

    def __str__(self) -> str:
        return f"Import {self.pk} from {self.source}"
