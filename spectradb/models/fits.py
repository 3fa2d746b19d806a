"""Peak fits and their peaks."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from spectradb.models.fields import ArrayField
from spectradb.models.jobs import Job
from spectradb.models.spectra import Spectrum
from spectradb.models.visibility import FollowsSpectrum


class PeakFit(Job):
    """One decomposition of a spectrum into Lorentzians."""

    spectrum = models.ForeignKey(Spectrum, models.CASCADE, related_name="fits")
    method = models.CharField(max_length=40, default="esprit-varpro-bic")
    options = models.JSONField(default=dict, blank=True)
    input_hash = models.CharField(max_length=64, unique=True)
    range_lo = models.FloatField(null=True, blank=True, help_text="eV")
    range_hi = models.FloatField(null=True, blank=True, help_text="eV")
    n_peaks = models.PositiveSmallIntegerField(null=True, blank=True)
    gaussian_sigma_ev = models.FloatField(default=0.0)
    background = models.JSONField(default=dict, blank=True)
    order_trace = models.JSONField(default=list, blank=True)
    residual_rms = models.FloatField(null=True, blank=True)
    warnings = models.JSONField(default=list, blank=True)
    accepted = models.BooleanField(default=False)
    residual = ArrayField(null=True, blank=True, help_text="data − model on the fitted points")

    objects = FollowsSpectrum.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["spectrum", "accepted"], name="fit_of_spectrum"),
            models.Index(fields=["job_status", "-created"], name="fit_by_status"),
        ]

    def __str__(self) -> str:
        return f"Fit {self.pk} of {self.spectrum_id}"


class Peak(models.Model):
    """One Lorentzian of a fit, each number with its standard error."""

    fit = models.ForeignKey(PeakFit, models.CASCADE, related_name="peaks")
    index = models.PositiveSmallIntegerField()
    position_ev = models.FloatField()
    position_err = models.FloatField()
    hwhm_ev = models.FloatField()
    hwhm_err = models.FloatField()
    area = models.FloatField()
    area_err = models.FloatField()
    phase_rad = models.FloatField(default=0.0)
    phase_err = models.FloatField(default=0.0)

    class Meta:
        ordering = ["fit_id", "index"]
        constraints = [
            models.UniqueConstraint(fields=["fit", "index"], name="peak_index"),
            models.CheckConstraint(condition=Q(hwhm_ev__gt=0), name="peak_width"),
        ]
        indexes = [models.Index(fields=["position_ev", "hwhm_ev"], name="peak_position")]

    def __str__(self) -> str:
        return f"{self.position_ev:.2f} eV"
