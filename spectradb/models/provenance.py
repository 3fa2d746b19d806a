"""Where a spectrum comes from: a calculation or a measurement, exactly one of the two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, IntegerField, OuterRef, Q, Subquery, Value, When
from simple_history.models import HistoricalRecords

from spectradb.formulae import edge_text
from spectradb.models.fields import ArrayField
from spectradb.models.jobs import Job, JobStatus
from spectradb.models.structures import Site, Structure
from spectradb.models.visibility import CURATE

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from spectradb.models.spectra import SpectrumQuerySet


class CalculationQuerySet(models.QuerySet[Any]):
    """Calculations; who sees one follows from its records, the spectra made of it."""

    def visible_to(self, user: User | AnonymousUser | None) -> Self:
        """Seen by whoever sees one of its records; before it has any, by whoever asked for it."""
        if user is not None and user.is_authenticated and user.has_perm(CURATE):
            return self
        asked = Q(public=True)
        if user is not None and user.is_authenticated:
            links = Calculation.requesters.through.objects
            asked |= Q(Exists(links.filter(calculation=OuterRef("pk"), user=user.pk)))
        records = _records()
        return self.filter(Exists(records.visible_to(user)) | (~Exists(records) & asked))

    def with_record(self, user: User | AnonymousUser | None) -> Self:
        """With ``record_id``: the spectrum of it that this person is led to, their own first."""
        mine = user.pk if user is not None and user.is_authenticated else None
        rank = Case(
            When(contributor=mine, contributor__isnull=False, then=Value(0)),
            When(status="published", then=Value(1)),
            default=Value(2),
            output_field=IntegerField(),
        )
        seen = _records().visible_to(user).order_by(rank, "pk")
        return self.annotate(record_id=Subquery(seen.values("pk")[:1]))


def _records() -> SpectrumQuerySet:
    """The spectra of the calculation of an outer query."""
    from spectradb.models.spectra import Spectrum  # imports this module

    return Spectrum.objects.filter(calculation=OuterRef("pk"))


class Calculation(Job):
    """One run of an engine. The input hash is unique: asked for twice, it runs once.

    Each person who asks has a record of it, a Spectrum; nobody learns who else asked.
    """

    requested_by = None  # several may: ``requesters``
    requesters = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)
    public = models.BooleanField(
        default=True,
        help_text="Asked for by the operator: all see it at once, and its spectrum is published.",
    )
    engine = models.CharField(max_length=40, help_text="spectradb.multiplet, FEFF …")
    version = models.CharField(
        max_length=120, blank=True, help_text="Of the route, the engine and the atomic solver."
    )
    route = models.CharField(
        max_length=20, blank=True, help_text="explicit, cheap, cluster, feff …"
    )
    structure = models.ForeignKey(
        Structure, models.CASCADE, null=True, blank=True, related_name="calculations"
    )
    site = models.ForeignKey(
        Site, models.CASCADE, null=True, blank=True, related_name="calculations"
    )
    absorber = models.CharField(max_length=2)
    edge = models.CharField(max_length=4)
    parameters = models.JSONField(
        default=dict, help_text="Every parameter, as given to the engine."
    )
    input_hash = models.CharField(max_length=64, unique=True)
    results = models.JSONField(
        default=dict,
        blank=True,
        help_text="Levels, weights, sum rules, expectation values, method.",
    )
    sticks = ArrayField(null=True, blank=True, help_text="(n, 2): energy in eV, strength")
    stage = models.CharField(
        max_length=40, blank=True, help_text="Where a calculation of several stages is, or was."
    )
    trace = models.TextField(blank=True, help_text="Traceback of a failure, for developers.")

    history = HistoricalRecords(excluded_fields=["sticks", "results", "stage", "trace"])
    objects = CalculationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["job_status", "-created"], name="calculation_by_status"),
            models.Index(fields=["job_status", "finished"], name="calculation_finished"),
            models.Index(fields=["absorber", "edge"], name="calculation_absorber"),
            # A table of wide rows: which engines, routes and causes there are is read here.
            models.Index(fields=["engine", "route", "error_cause"], name="calculation_engine"),
        ]

    @property
    def is_multiplet(self) -> bool:
        """Whether its parameters are those of a multiplet, as ``run_multiplet`` takes them."""
        return self.engine == "spectradb.multiplet"

    @property
    def engine_version_unknown(self) -> bool:
        """Whether it is a result of our engine from before that had a version of its own."""
        ours = self.is_multiplet and self.job_status == JobStatus.DONE
        return ours and "multiplet-" not in self.version

    def __str__(self) -> str:
        return f"{self.pk}: {self.absorber} {edge_text(self.edge)}, {self.route}"


class SourceFile(models.Model):
    """An uploaded file, verbatim, stored once however many people sent it.

    ``name`` is what the first of them called it: show ``Measurement.file_name``.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=255)
    n_bytes = models.PositiveIntegerField()
    created = models.DateTimeField(auto_now_add=True)
    data = models.BinaryField()

    def __str__(self) -> str:
        return self.name


class Measurement(models.Model):
    """How an experimental spectrum was measured."""

    class Mode(models.TextChoices):
        TRANSMISSION = "transmission", "Transmission"
        FLUORESCENCE = "fluorescence", "Fluorescence (TFY/PFY)"
        TEY = "TEY", "Total electron yield"
        EELS = "EELS", "Electron energy loss"
        OTHER = "other", "Other"

    facility = models.CharField(max_length=120, blank=True)
    beamline = models.CharField(max_length=120, blank=True)
    mode = models.CharField(max_length=12, choices=Mode, blank=True)
    monochromator = models.CharField(max_length=120, blank=True)
    resolution_ev = models.FloatField(null=True, blank=True)
    temperature_k = models.FloatField(null=True, blank=True)
    sample_name = models.CharField(max_length=200, blank=True)
    sample_formula = models.CharField(max_length=200, blank=True)
    sample_preparation = models.TextField(blank=True)
    is_reference = models.BooleanField(default=False, help_text="The reference channel of a scan")
    measured_on = models.DateTimeField(null=True, blank=True)
    file = models.ForeignKey(
        SourceFile, models.PROTECT, null=True, blank=True, related_name="measurements"
    )
    file_format = models.CharField(max_length=20, blank=True)
    file_name = models.CharField(
        max_length=255, blank=True, help_text="As this person called it; others may have sent it."
    )
    file_part = models.CharField(
        max_length=120, blank=True, help_text="Group or channel inside the file"
    )
    header = models.JSONField(default=dict, blank=True)
    warnings = models.JSONField(default=list, blank=True)
    series = models.ForeignKey(
        "Series", models.PROTECT, null=True, blank=True, related_name="measurements",
        help_text="Whose pixel, region or sum it is; which one: file_part",
    )  # fmt: skip

    history = HistoricalRecords()

    class Meta:
        indexes = [models.Index(fields=["facility", "beamline"], name="measurement_beamline")]

    def __str__(self) -> str:
        return self.sample_name or self.sample_formula or f"Measurement {self.pk}"
