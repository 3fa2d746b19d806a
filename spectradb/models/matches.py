"""Matches of a spectrum against the library."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from spectradb.models.fields import ArrayField
from spectradb.models.jobs import Job
from spectradb.models.spectra import Spectrum
from spectradb.models.uploads import Upload, new_token


class MatchRun(Job):
    """One query, stored or uploaded, against one state of the library.

    Its ``token`` is its address: a run of an upload is seen by whoever knows it, that of a stored
    spectrum by those who see the spectrum.
    """

    token = models.CharField(max_length=24, unique=True, default=new_token)
    query = models.ForeignKey(
        Spectrum, models.CASCADE, null=True, blank=True, related_name="match_runs"
    )
    upload = models.ForeignKey(
        Upload, models.CASCADE, null=True, blank=True, related_name="match_runs"
    )
    curve = ArrayField(null=True, blank=True, help_text="(2, n) of an upload: eV, intensity")
    options = models.JSONField(default=dict, blank=True)
    none_of_these = models.FloatField(null=True, blank=True, help_text="probability")
    n_library = models.PositiveIntegerField(default=0)
    n_calibration_pairs = models.PositiveIntegerField(default=0)
    library_hash = models.CharField(max_length=64, blank=True)
    details = models.JSONField(
        default=dict, blank=True, help_text="Range, warnings, p-value, mixture, peaks."
    )

    class Meta:
        indexes = [models.Index(fields=["query", "-created"], name="match_of_query")]
        constraints = [
            models.CheckConstraint(
                condition=Q(query__isnull=False, upload__isnull=True)
                | Q(query__isnull=True, upload__isnull=False),
                name="match_one_query",
            )
        ]

    def __str__(self) -> str:
        return f"Match of {self.query_id or self.upload}"


class Match(models.Model):
    """One candidate of a run."""

    run = models.ForeignKey(MatchRun, models.CASCADE, related_name="matches")
    candidate = models.ForeignKey(Spectrum, models.CASCADE, related_name="+")
    rank = models.PositiveSmallIntegerField()
    score = models.FloatField()
    probability = models.FloatField(null=True, blank=True)
    shift_ev = models.FloatField(help_text="experiment − theory")
    scale = models.FloatField()
    sigma_ev = models.FloatField(help_text="added Gaussian σ")
    gamma_ev = models.FloatField(help_text="added Lorentzian HWHM")
    r_squared = models.FloatField(null=True, blank=True, help_text="variance explained")
    overlay = ArrayField(
        null=True, blank=True, help_text="(4, n): eV, query, candidate laid over it, σ of theory"
    )

    class Meta:
        ordering = ["run_id", "rank"]
        constraints = [models.UniqueConstraint(fields=["run", "rank"], name="match_rank")]

    def __str__(self) -> str:
        return f"{self.candidate_id} ({self.score:.3f})"
