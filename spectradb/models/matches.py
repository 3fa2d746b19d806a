"""Matches of a spectrum against the library."""

from __future__ import annotations

from django.db import models

from spectradb.models.jobs import Job
from spectradb.models.spectra import Spectrum


class MatchRun(Job):
    """One query against one state of the library."""

    query = models.ForeignKey(Spectrum, models.CASCADE, related_name="match_runs")
    options = models.JSONField(default=dict, blank=True)
    none_of_these = models.FloatField(null=True, blank=True, help_text="probability")
    n_library = models.PositiveIntegerField(default=0)
    n_calibration_pairs = models.PositiveIntegerField(default=0)
    library_hash = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = [models.Index(fields=["query", "-created"], name="match_of_query")]

    def __str__(self) -> str:
        return f"Match of {self.query_id}"


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

    class Meta:
        ordering = ["run_id", "rank"]
        constraints = [models.UniqueConstraint(fields=["run", "rank"], name="match_rank")]

    def __str__(self) -> str:
        return f"{self.candidate_id} ({self.score:.3f})"
