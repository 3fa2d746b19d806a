"""Trained models and what they predict."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from spectradb.models.fields import ArrayField
from spectradb.models.jobs import Job
from spectradb.models.structures import Site, Structure
from spectradb.models.uploads import Upload


class TrainedModel(Job):
    """A model with everything that reproduces it."""

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=30)
    absorber = models.CharField(max_length=2, blank=True)
    edge = models.CharField(max_length=4, blank=True)
    filters = models.JSONField(default=dict, blank=True, help_text="The exact --where of its data")
    data_hash = models.CharField(max_length=64, blank=True, help_text="Of the rows it saw")
    split = models.JSONField(default=dict, blank=True)
    seed = models.IntegerField(default=0)
    hyperparameters = models.JSONField(default=dict, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    curves = models.JSONField(default=dict, blank=True, help_text="Loss per epoch")
    held_out = models.JSONField(
        default=dict, blank=True, help_text="Parity and example spectra of what was held out."
    )
    request = models.JSONField(
        default=dict, blank=True, help_text="What was asked for; trains the same model again."
    )
    progress = models.JSONField(
        default=dict, blank=True, help_text="How far a training is, while it runs."
    )
    weights_file = models.CharField(max_length=200, blank=True)
    weights_hash = models.CharField(max_length=64, blank=True)
    code_version = models.CharField(
        max_length=200, blank=True, help_text="Of its kind, and of those it is made of"
    )
    is_default = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class Prediction(models.Model):
    """One predicted spectrum of one site, of a stored structure or of an uploaded one."""

    model = models.ForeignKey(TrainedModel, models.CASCADE, related_name="predictions")
    structure = models.ForeignKey(
        Structure, models.CASCADE, null=True, blank=True, related_name="predictions"
    )
    upload = models.ForeignKey(
        Upload, models.CASCADE, null=True, blank=True, related_name="predictions"
    )
    site = models.ForeignKey(
        Site, models.CASCADE, null=True, blank=True, related_name="predictions"
    )
    site_index = models.PositiveIntegerField()
    absorber = models.CharField(max_length=2)
    edge = models.CharField(max_length=4)
    trust = models.FloatField(help_text="0 … 1")
    trust_reason = models.CharField(max_length=200, blank=True)
    neighbours = models.JSONField(default=list, blank=True, help_text="Nearest training structures")
    created = models.DateTimeField(auto_now_add=True)
    energy = ArrayField(help_text="(n,) eV")
    intensity = ArrayField(help_text="(n,)")
    sigma = ArrayField(help_text="(n,) one standard deviation")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "structure", "site_index"], name="prediction_of_site"
            ),
            models.UniqueConstraint(
                fields=["model", "upload", "site_index"], name="prediction_of_upload"
            ),
            models.CheckConstraint(
                condition=Q(structure__isnull=False, upload__isnull=True)
                | Q(structure__isnull=True, upload__isnull=False),
                name="prediction_of_one",
            ),
            models.CheckConstraint(
                condition=Q(trust__gte=0) & Q(trust__lte=1), name="prediction_trust"
            ),
        ]

    def __str__(self) -> str:
        return (
            f"{self.absorber} {self.edge} of {self.structure_id or self.upload}:{self.site_index}"
        )
