"""Crystal structures and their symmetry-distinct sites."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from compute.structures.findings import Finding, Weight, obstacles, unpredictable
from spectradb.formulae import as_written

if TYPE_CHECKING:
    from pymatgen.core import Structure as PymatgenStructure


class StructureQuerySet(models.QuerySet["Structure"]):
    def containing(self, elements: Iterable[str]) -> StructureQuerySet:
        """Structures that hold all of these elements, one indexed join each."""
        found = self
        for symbol in elements:
            found = found.filter(element_rows__element=symbol)
        return found


class Structure(models.Model):
    """One crystal structure in one cell; a material may have several.

    A spectrum belongs to the cell that it was computed for.
    """

    class CrystalSystem(models.TextChoices):
        TRICLINIC = "triclinic"
        MONOCLINIC = "monoclinic"
        ORTHORHOMBIC = "orthorhombic"
        TETRAGONAL = "tetragonal"
        TRIGONAL = "trigonal"
        HEXAGONAL = "hexagonal"
        CUBIC = "cubic"

    formula = models.CharField(max_length=120, help_text="Reduced formula, e.g. TiO2")
    formula_anonymous = models.CharField(max_length=80, blank=True, help_text="e.g. AB2")
    chemical_system = models.CharField(max_length=120, help_text="e.g. O-Ti")
    name = models.CharField(max_length=120, blank=True, help_text="Mineral or common name")
    n_elements = models.PositiveSmallIntegerField()
    n_sites = models.PositiveIntegerField()
    space_group_number = models.PositiveSmallIntegerField(null=True, blank=True)
    space_group_symbol = models.CharField(max_length=20, blank=True)
    crystal_system = models.CharField(max_length=12, choices=CrystalSystem, blank=True)
    a = models.FloatField(help_text="Å")
    b = models.FloatField(help_text="Å")
    c = models.FloatField(help_text="Å")
    alpha = models.FloatField(help_text="degrees")
    beta = models.FloatField(help_text="degrees")
    gamma = models.FloatField(help_text="degrees")
    volume = models.FloatField(help_text="Å³")
    density = models.FloatField(help_text="g/cm³")
    source = models.CharField(max_length=20, default="file", help_text="mp, library, file …")
    source_id = models.CharField(max_length=80, blank=True, help_text="e.g. mp-1234")
    is_primary = models.BooleanField(
        "primary cell",
        default=True,
        help_text="Of the cells of one material the one that answers for its source id.",
    )
    citation = models.TextField(blank=True)
    doi = models.CharField(max_length=120, blank=True)
    licence = models.CharField(max_length=80, blank=True, help_text="Of the source's data")
    read_from = models.CharField(
        max_length=160,
        blank=True,
        help_text="The file that the cell was read from, or compared with; empty: unverified",
    )
    read_sha256 = models.CharField(max_length=64, blank=True, help_text="Of that file or entry")
    energy_above_hull = models.FloatField(null=True, blank=True, help_text="eV/atom")
    hypothetical = models.BooleanField(default=False)
    content_hash = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)
    data = models.JSONField(help_text="The pymatgen structure, as its own dictionary.")
    findings = models.JSONField(
        default=list, blank=True, help_text="What reading and checking it had to tell"
    )
    overruled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The curator who says that it is right in spite of its doubts",
    )
    overruled_at = models.DateTimeField(null=True, blank=True)
    overruled_reason = models.TextField(blank=True)

    history = HistoricalRecords(excluded_fields=["data"])
    objects = StructureQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "source_id"],
                condition=~Q(source="file") & ~Q(source_id="") & Q(is_primary=True),
                name="structure_source_id",
            ),
            models.CheckConstraint(
                condition=Q(space_group_number__isnull=True)
                | Q(space_group_number__range=(1, 230)),
                name="structure_space_group",
            ),
            models.CheckConstraint(condition=Q(volume__gt=0), name="structure_volume"),
        ]
        indexes = [
            models.Index(fields=["formula"], name="structure_formula"),
            models.Index(fields=["chemical_system"], name="structure_chemsys"),
            models.Index(fields=["formula_anonymous"], name="structure_anonymous"),
            models.Index(fields=["space_group_number"], name="structure_space_group_i"),
            models.Index(fields=["crystal_system"], name="structure_crystal_system"),
            models.Index(fields=["source_id"], name="structure_by_source_id"),
            models.Index(fields=["source", "source_id"], name="structure_by_source"),
            models.Index(fields=["n_sites"], name="structure_size"),
            models.Index(fields=["energy_above_hull"], name="structure_hull"),
            models.Index(fields=["updated"], name="structure_updated"),
        ]

    def __str__(self) -> str:
        return f"{as_written(self.formula)} ({self.source_id or f'SDB-S{self.pk}'})"

    def to_pymatgen(self) -> PymatgenStructure:
        """The structure as pymatgen knows it (loads ``data``)."""
        from pymatgen.core import Structure as PymatgenStructure

        return PymatgenStructure.from_dict(self.data)

    @property
    def told(self) -> list[Finding]:
        """What reading and checking it had to tell."""
        return [Finding.from_json(one) for one in self.findings]

    @property
    def refusal(self) -> str:
        """Why nothing may be calculated of it, in words; empty where nothing stands before.

        A curator overrules doubts.
        """
        standing = obstacles(self.told) if self.overruled_at is None else []
        return "; ".join(one.text for one in standing)

    @property
    def unpredicted(self) -> str:
        """Why no model predicts it: what is refused, and what is partly occupied."""
        standing = [
            one
            for one in unpredictable(self.told)
            if one.weight == Weight.MARK or self.overruled_at is None
        ]
        return "; ".join(one.text for one in standing)


class StructureElement(models.Model):
    """One element of one structure, so that "holds all of Ti, O" is an indexed query."""

    structure = models.ForeignKey(Structure, models.CASCADE, related_name="element_rows")
    element = models.CharField(max_length=2)
    fraction = models.FloatField(help_text="atomic fraction")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["element", "structure"], name="structure_element"),
            models.CheckConstraint(
                condition=Q(fraction__gt=0) & Q(fraction__lte=1.000001),
                name="structure_element_fraction",
            ),
        ]

    def __str__(self) -> str:
        return self.element


class Site(models.Model):
    """One symmetry-distinct site of a structure; its environment organises the L2,3 library."""

    structure = models.ForeignKey(Structure, models.CASCADE, related_name="sites")
    index = models.PositiveIntegerField(help_text="First atom of the orbit, in the structure")
    element = models.CharField(max_length=2)
    multiplicity = models.PositiveIntegerField(default=1)
    equivalent_indices = models.JSONField(
        default=list, blank=True, help_text="All atoms of the orbit"
    )
    occupancy = models.FloatField(
        default=1.0, help_text="Share of the element at its places; 1 where they are its own"
    )
    oxidation_state = models.FloatField(null=True, blank=True)
    oxidation_method = models.CharField(max_length=20, blank=True)
    oxidation_confidence = models.FloatField(null=True, blank=True, help_text="0 … 1")
    spin_state = models.CharField(
        max_length=12, blank=True, help_text="high, intermediate, low or no choice"
    )
    coordination_number = models.PositiveSmallIntegerField(null=True, blank=True)
    geometry = models.CharField(max_length=30, blank=True, help_text="e.g. octahedron")
    ligands = models.CharField(
        max_length=60, blank=True, help_text="Ligand elements, e.g. O or Cl-O"
    )
    site_symmetry = models.CharField(max_length=12, blank=True, help_text="e.g. m-3m")
    mean_bond_length = models.FloatField(null=True, blank=True, help_text="Å")

    history = HistoricalRecords()

    class Meta:
        ordering = ["structure_id", "index"]
        constraints = [
            models.UniqueConstraint(fields=["structure", "index", "element"], name="site_index"),
            models.CheckConstraint(condition=Q(multiplicity__gte=1), name="site_multiplicity"),
            models.CheckConstraint(
                condition=Q(occupancy__gt=0) & Q(occupancy__lte=1), name="site_occupancy"
            ),
            models.CheckConstraint(
                condition=Q(mean_bond_length__isnull=True) | Q(mean_bond_length__gt=0),
                name="site_bond_length",
            ),
        ]
        indexes = [
            models.Index(
                F("element"),
                F("oxidation_state"),
                F("coordination_number"),
                F("ligands"),
                name="site_environment",
            )
        ]

    def __str__(self) -> str:
        return f"{self.element}{self.index} of SDB-S{self.structure_id}"
