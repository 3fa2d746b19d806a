"""Spectra, theory and experiment."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from numpy.typing import ArrayLike
from simple_history.models import HistoricalRecords

from spectradb.formulae import as_written, edge_text
from spectradb.models.fields import ArrayField, pack_array
from spectradb.models.provenance import Calculation, Measurement
from spectradb.models.structures import Site, Structure
from spectradb.models.visibility import as_condition, public_spectra, spectra_seen_by

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

ARRAYS = frozenset({"energy", "intensity"})


class ImmutableArray(ValueError):
    """An attempt to change the arrays of a stored spectrum; a change is a new version."""

    cause = "Arrays never change"
    permanent = True


_NEW = "stored arrays never change; services.revise makes a new version"


class Kind(models.TextChoices):
    THEORY = "theory", "Theory"
    EXPERIMENT = "experiment", "Experiment"


class Status(models.TextChoices):
    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Submitted"
    PUBLISHED = "published", "Published"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"


class Quantity(models.TextChoices):
    """What the intensity is."""

    MU = "mu", "Absorption, as measured"
    NORMALISED = "normalised", "Normalised μ"
    COUNTS = "counts", "Counts"
    RADIAL = "radial", "Intensity (radial integral = 1)"
    ARBITRARY = "arbitrary", "Arbitrary units"


class SpectrumQuerySet(models.QuerySet["Spectrum"]):
    def published(self) -> Self:
        """What everyone sees: published, and under no embargo."""
        return self.filter(as_condition([public_spectra()]))

    def visible_to(self, user: User | AnonymousUser | None) -> Self:
        """What this person may see (:mod:`spectradb.models.visibility`)."""
        return self.filter(as_condition(spectra_seen_by(user)))

    def covering(self, energy_ev: float) -> Self:
        """Spectra whose range holds this energy."""
        return self.filter(energy_min__lte=energy_ev, energy_max__gte=energy_ev)

    def without_arrays(self) -> Self:
        """For lists: the arrays stay in the database."""
        return self.defer(*ARRAYS)

    def update(self, **values: Any) -> int:
        """As usual, with the time of the change; arrays are refused.

        Raises
        ------
        ImmutableArray
            If ``energy`` or ``intensity`` is among the values.
        """
        if not ARRAYS.isdisjoint(values):
            raise ImmutableArray(f"{', '.join(sorted(ARRAYS & values.keys()))}: {_NEW}")
        return super().update(**{"updated": timezone.now(), **values})


class Spectrum(models.Model):
    """One measured or computed spectrum.

    Arrays are immutable: a changed array is a new row whose ``replaces`` names the old one.
    """

    kind = models.CharField(max_length=10, choices=Kind)
    technique = models.CharField(max_length=12, default="XANES", help_text="XANES, EXAFS, EELS …")
    absorber = models.CharField(max_length=2, blank=True)
    edge = models.CharField(max_length=4, blank=True, help_text="K, L1, L2, L3, L23, M45 …")
    structure = models.ForeignKey(
        Structure, models.SET_NULL, null=True, blank=True, related_name="spectra"
    )
    site = models.ForeignKey(Site, models.SET_NULL, null=True, blank=True, related_name="spectra")
    formula = models.CharField(max_length=120, blank=True, help_text="Of the structure or sample")
    title = models.CharField(max_length=200, blank=True)
    quantity = models.CharField(max_length=10, choices=Quantity, default=Quantity.ARBITRARY)
    normalisation = models.JSONField(
        default=dict, blank=True, help_text="Parameters; applied on demand, raw data is kept."
    )
    energy_offset_ev = models.FloatField(
        null=True, blank=True, help_text="Anchor of the absolute energy scale, eV"
    )
    energy_offset_err = models.FloatField(null=True, blank=True, help_text="Its error, eV")
    n_points = models.PositiveIntegerField()
    energy_min = models.FloatField(help_text="eV")
    energy_max = models.FloatField(help_text="eV")
    sparkline = models.TextField(blank=True, help_text="SVG path, at most 64 points")

    status = models.CharField(max_length=9, choices=Status, default=Status.DRAFT)
    status_note = models.TextField(blank=True, help_text="Reason of the last decision")
    checks = models.JSONField(default=list, blank=True, help_text="Automatic checks and reasons")
    quality = models.FloatField(null=True, blank=True, help_text="0 … 1")
    submitted_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(
        null=True, blank=True, help_text="When everyone sees it; the end of its embargo, if later"
    )
    embargo_until = models.DateField(
        null=True,
        blank=True,
        help_text="The day on which it is shown to everyone, once a curator has published it",
    )
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)
    contributor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="spectra"
    )
    licence = models.CharField(max_length=40, default="CC BY 4.0")
    citation = models.TextField(blank=True)
    doi = models.CharField(max_length=120, blank=True)
    content_hash = models.CharField(max_length=64, unique=True)
    version = models.PositiveSmallIntegerField(default=1)
    replaces = models.OneToOneField(
        "self", models.SET_NULL, null=True, blank=True, related_name="replaced_by"
    )
    calculation = models.ForeignKey(
        Calculation, models.PROTECT, null=True, blank=True, related_name="spectra"
    )
    measurement = models.OneToOneField(
        Measurement, models.PROTECT, null=True, blank=True, related_name="spectrum"
    )
    # Last, so that a row read without them never touches their overflow pages.
    energy = ArrayField(help_text="(n_points,) float64, eV, ascending")
    intensity = ArrayField(help_text="(n_points,) float64")

    history = HistoricalRecords(excluded_fields=["energy", "intensity", "sparkline"])
    objects = SpectrumQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "spectra"
        ordering = ["id"]
        permissions = [("curate_spectrum", "Can publish, send back, reject and withdraw spectra")]
        constraints = [
            models.CheckConstraint(
                condition=Q(energy_min__lt=F("energy_max")), name="spectrum_range"
            ),
            models.CheckConstraint(condition=Q(n_points__gte=2), name="spectrum_points"),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="spectrum_kind"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="spectrum_status"),
            models.CheckConstraint(
                condition=Q(kind="theory", calculation__isnull=False, measurement__isnull=True)
                | Q(kind="experiment", calculation__isnull=True, measurement__isnull=False),
                name="spectrum_one_provenance",
            ),
            # A calculation is anyone's to ask for.
            models.CheckConstraint(
                condition=Q(embargo_until__isnull=True) | Q(kind="experiment"),
                name="spectrum_embargo_measured",
            ),
            models.UniqueConstraint(
                fields=["calculation", "contributor"], name="spectrum_record_of_person"
            ),
            # So that matching, training and every count take a calculation once.
            models.UniqueConstraint(
                fields=["calculation"],
                condition=Q(status="published"),
                name="spectrum_published_once",
            ),
        ]
        indexes = [
            # With what tells whether a row is public and where it lies, so that counting groups and
            # their ranges reads the index alone.
            models.Index(
                fields=[
                    "status",
                    "absorber",
                    "edge",
                    "kind",
                    "embargo_until",
                    "energy_min",
                    "energy_max",
                ],
                name="spectrum_groups",
            ),
            models.Index(fields=["status", "-published_at"], name="spectrum_newest"),
            models.Index(fields=["structure", "status"], name="spectrum_of_structure"),
            models.Index(fields=["status", "formula"], name="spectrum_formula"),
            # The same for who sees every status.
            models.Index(fields=["formula", "absorber", "edge"], name="spectrum_compound"),
            models.Index(fields=["submitted_at"], name="spectrum_submitted"),
            models.Index(fields=["status", "technique"], name="spectrum_technique"),
            models.Index(fields=["energy_min", "energy_max"], name="spectrum_energy"),
            models.Index(fields=["updated"], name="spectrum_updated"),
        ]

    def __str__(self) -> str:
        said = (as_written(self.formula), self.absorber, edge_text(self.edge))
        return " ".join((f"SDB-{self.pk}", *filter(None, said)))

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As usual; the arrays of a stored row are neither changed nor written again.

        Raises
        ------
        ImmutableArray
            If they were replaced since the row was read.
        """
        if not self._state.adding:
            changed = [
                name
                for name in ARRAYS & self.__dict__.keys()
                if self.__dict__[name] is not self._stored_arrays.get(name)
            ]
            if changed:
                raise ImmutableArray(f"{', '.join(sorted(changed))} of SDB-{self.pk}: {_NEW}")
            if kwargs.get("update_fields") is None:
                deferred = self.get_deferred_fields()
                kwargs["update_fields"] = [
                    one.name
                    for one in self._meta.concrete_fields
                    if not one.primary_key and one.name not in ARRAYS | deferred
                ]
            else:
                kwargs["update_fields"] = {*kwargs["update_fields"], "updated"}
        super().save(*args, **kwargs)
        self._remember_arrays()

    @classmethod
    def from_db(  # type: ignore[override]  # stubs of a newer Django
        cls, db: str | None, field_names: Collection[str], values: Collection[Any]
    ) -> Self:
        row = super().from_db(db, field_names, values)
        row._remember_arrays()
        return row

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        self._remember_arrays()

    @property
    def is_public(self) -> bool:
        """Whether everyone sees it today."""
        return self.status == Status.PUBLISHED and not self.under_embargo

    @property
    def under_embargo(self) -> bool:
        """Whether it names a day that has not come."""
        return self.embargo_until is not None and self.embargo_until > timezone.localdate()

    def _remember_arrays(self) -> None:
        self._stored_arrays = {name: self.__dict__[name] for name in ARRAYS & self.__dict__.keys()}

    def set_arrays(self, energy: ArrayLike, intensity: ArrayLike) -> None:
        """Take the arrays and all that follows from them: size, range, content hash.

        Parameters
        ----------
        energy : (n,)
            eV, strictly ascending.
        intensity : (n,)

        Raises
        ------
        ValueError
            If the arrays differ in length, are shorter than 2, hold NaN or are not ascending.
        """
        e = np.ascontiguousarray(energy, dtype="<f8")
        i = np.ascontiguousarray(intensity, dtype="<f8")
        if e.ndim != 1 or e.shape != i.shape or e.size < 2:
            raise ValueError(f"energy {e.shape} and intensity {i.shape} are not one curve")
        if not (np.isfinite(e).all() and np.isfinite(i).all()):
            raise ValueError("energy or intensity holds NaN or infinity")
        if not (np.diff(e) > 0).all():
            raise ValueError("energy is not strictly ascending")
        self.energy, self.intensity = e, i
        self.n_points = e.size
        self.energy_min, self.energy_max = float(e[0]), float(e[-1])

    def hash_content(self, *identity: Any) -> str:
        """SHA-256 of the arrays and of what makes this record itself (edge, source …)."""
        digest = hashlib.sha256(pack_array(self.energy) + pack_array(self.intensity))
        digest.update(repr((self.kind, self.absorber, self.edge, *identity)).encode())
        return digest.hexdigest()


class SpectrumEdge(models.Model):
    """A further edge inside the range of a survey spectrum."""

    spectrum = models.ForeignKey(Spectrum, models.CASCADE, related_name="further_edges")
    absorber = models.CharField(max_length=2)
    edge = models.CharField(max_length=4)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["absorber", "edge", "spectrum"], name="spectrum_edge")
        ]

    def __str__(self) -> str:
        return f"{self.absorber} {self.edge}"
