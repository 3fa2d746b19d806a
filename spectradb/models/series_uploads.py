"""Series that are being sent: files that arrive in pieces, then read by a job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models

from spectradb.models.jobs import Job, JobStatus
from spectradb.models.series import Series
from spectradb.models.uploads import in_a_day, new_token

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

INCOMING = "incoming"


class SeriesUploadQuerySet(models.QuerySet["SeriesUpload"]):
    def visible_to(self, user: User | AnonymousUser | None) -> Self:
        """Its sender's alone."""
        if user is None or not user.is_authenticated:
            return self.none()
        return self.filter(requested_by=user.pk)


class SeriesUpload(Job):
    """Files that make one series, of one person. A job from the moment that all have arrived."""

    job_status = models.CharField(
        "status",
        max_length=9,
        choices=[(INCOMING, "Incoming"), *JobStatus.choices],
        default=INCOMING,
    )
    token = models.CharField(max_length=24, unique=True, default=new_token)
    n_files = models.PositiveIntegerField(help_text="As announced")
    n_bytes = models.PositiveBigIntegerField(help_text="As announced, of all files")
    axes = models.JSONField(default=list, blank=True, help_text="NAME=START:STEP[:UNIT] …")
    element = models.CharField(max_length=2, blank=True)
    edge = models.CharField(max_length=6, blank=True)
    expires = models.DateTimeField(
        default=in_a_day, db_index=True, help_text="Later with every piece that arrives"
    )
    series = models.ForeignKey(Series, models.SET_NULL, null=True, blank=True, related_name="+")
    told = models.JSONField(default=dict, blank=True, help_text="Outcome, warnings, errors")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="series_uploads"
    )

    objects = SeriesUploadQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.n_files} files, {self.n_bytes} bytes"

    @property
    def folder(self) -> Path:
        """Where its files arrive, each under its number."""
        return Path(settings.VAR_DIR) / "series-uploads" / self.token


class SeriesFile(models.Model):
    """One file of an upload. How much of it is here is the size of the file on the disk."""

    upload = models.ForeignKey(SeriesUpload, models.CASCADE, related_name="files")
    name = models.CharField(max_length=120, help_text="As sent, made harmless")
    sent_name = models.CharField(max_length=255, help_text="Of the sender's; no path is made of it")
    modified = models.CharField(max_length=20, blank=True, help_text="By the sender's clock")
    n_bytes = models.PositiveBigIntegerField()
    arrived = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["upload", "name"], name="series_file_once"),
            models.CheckConstraint(
                condition=models.Q(n_bytes__gte=1), name="series_file_not_empty"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> Path:
        return self.upload.folder / str(self.pk)

    @property
    def offset(self) -> int:
        """Bytes that are here."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0
