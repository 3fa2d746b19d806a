"""The L2,3 library: real crystals first, then prototypes; one calculation a site."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import comb

from django.db.models import Count, Q, QuerySet

from compute.crystals.prototypes import VALENCES, variants
from compute.crystals.published import Crystal, crystals
from compute.ions import d_electrons
from spectradb.models import Calculation, JobStatus, Site, Structure
from spectradb.services.calculations.structures import queue_sites
from spectradb.services.imports.amcsd import SOURCE as AMCSD
from spectradb.services.imports.structures import store_structure
from spectradb.services.library.trust import is_trusted

SOURCE = "library"
OF_LIBRARY = Q(source__in=(SOURCE, AMCSD)) | (Q(source="mp") & ~Q(read_from=""))
"""Structures that the campaign computes and a release holds: of other databases those that came
with the file that they were read from."""
_PROTOTYPE_CITATION = (
    "Hypothetical; bonds from R. D. Shannon, Acta Cryst. A 32 (1976) 751, "
    "doi:10.1107/S0567739476001551"
)
# Symmetry blocks and degeneracies that the engine uses, as a factor of the time.
_CUBIC = frozenset(("m-3m", "-43m", "432"))
_FOURFOLD = frozenset(("4/mmm", "4mm", "-42m", "422", "4/m", "4", "-4"))
_TIME_CUBIC, _TIME_FOURFOLD, _TIME_LOW = 1.0, 2.0, 12.0


@dataclass(frozen=True)
class LibraryProgress:
    """How far the calculations of a set of structures are."""

    done: int
    failed: int
    open: int

    @property
    def total(self) -> int:
        return self.done + self.failed + self.open


def store_crystals(chosen: Sequence[Crystal] | None = None) -> Iterator[tuple[Structure, bool]]:
    """Store the starter library's crystals, each with its citation; row and whether it is new."""
    for crystal in crystals() if chosen is None else chosen:
        shown = crystal.verified
        yield store_structure(
            crystal.structure(),
            source=SOURCE,
            source_id=crystal.id,
            name=crystal.name,
            citation=crystal.citation,
            licence=shown.licence if shown else "",
            read_from=shown.read_from if shown else "",
            read_sha256=shown.sha256 if shown else "",
        )


def store_variants(element: str, wanted: int) -> Iterator[tuple[Structure, bool]]:
    """Store hypothetical crystals until the element has so many absorbing library sites.

    The order is fixed and what is stored already counts, so a run that was stopped goes on where
    it was.
    """
    have = sum(site.element == element for site in library_sites([element]))
    stored = set(
        Structure.objects.filter(source=SOURCE, hypothetical=True).values_list(
            "source_id", flat=True
        )
    )
    for variant in variants(element):
        if have >= wanted:
            return
        if variant.id in stored:
            continue
        row, is_new = store_structure(
            variant.structure(),
            source=SOURCE,
            source_id=variant.id,
            name=f"{variant.prototype} prototype",
            citation=_PROTOTYPE_CITATION,
            hypothetical=True,
        )
        have += is_new
        yield row, is_new


def library_structures() -> QuerySet[Structure]:
    """All structures of the library."""
    return Structure.objects.filter(OF_LIBRARY)


def library_sites(elements: Collection[str] = tuple(VALENCES)) -> list[Site]:
    """Absorbing sites of the library's structures that route ``cheap`` can do, quickest first.

    Sites whose valence is not sure are left out (:mod:`spectradb.services.library.trust`).
    """
    sites = Site.objects.filter(
        structure__in=library_structures(), element__in=elements, coordination_number__gt=0
    ).select_related("structure")
    able = [
        site for site in sites.defer("structure__data") if _has_holes(site) and is_trusted(site)
    ]
    return sorted(able, key=lambda site: (expected_cost(site), site.pk))


def queue_library(elements: Collection[str] = tuple(VALENCES)) -> list[Calculation]:
    """Queue every site of the library that has no calculation yet, quickest first."""
    order = {site.pk: n for n, site in enumerate(library_sites(elements))}
    return queue_sites(Site.objects.filter(pk__in=order), order=order)


def progress(elements: Collection[str] = tuple(VALENCES)) -> LibraryProgress:
    """Of all calculations of the library for these absorbers."""
    return progress_of(
        Calculation.objects.filter(structure__in=library_structures(), absorber__in=elements)
    )


def progress_of(rows: QuerySet[Calculation]) -> LibraryProgress:
    """Of these calculations."""
    counts = dict(rows.order_by().values_list("job_status").annotate(n=Count("pk")))
    done = counts.get(JobStatus.DONE, 0)
    waiting = counts.get(JobStatus.QUEUED, 0) + counts.get(JobStatus.RUNNING, 0)
    return LibraryProgress(done, sum(counts.values()) - done - waiting, waiting)


def expected_cost(site: Site) -> float:
    """A guess of the time a site takes: determinants of the final state × symmetry."""
    n_d = d_electrons(site.element, site.oxidation_state or 0.0)
    if n_d is None:
        return float("inf")
    determinants = 6 * (comb(10, n_d + 1) + 10 * comb(10, n_d + 2))
    if site.site_symmetry in _CUBIC:
        return determinants * _TIME_CUBIC
    return determinants * (_TIME_FOURFOLD if site.site_symmetry in _FOURFOLD else _TIME_LOW)


def _has_holes(site: Site) -> bool:
    """Whether the ion is a 3d ion with an empty 3d state for the 2p electron to go to."""
    n_d = d_electrons(site.element, site.oxidation_state or 0.0)
    return n_d is not None and n_d < 10 and (site.oxidation_state or 0.0) > 0
