"""How the L2,3 library covers element, valence, coordination and ligand."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count, Max

from spectradb.filters.fields import written_valence
from spectradb.models import Site, Spectrum
from spectradb.services.search.facets import library_stamp

WHOLE = 0.05
"""A valence so near a whole one is that one: sums of bond valences are not exact."""
_KEEP_SECONDS = 3600
MOST_LIGANDS = 8
"""Ligands with a block of columns of their own; the rest share one."""


@dataclass(frozen=True)
class Environment:
    """A column: ligands and coordination number; ``ligands`` None is all the rarer ones."""

    ligands: str | None
    coordination: int | None


@dataclass(frozen=True)
class Ion:
    """A row: absorber and valence; None where the site or its valence is not known.

    A shared charge (2.33 of Fe in Fe₃O₄) stands in the one row between two whole ones, as 2.5.
    """

    absorber: str
    valence: float | None

    @property
    def between(self) -> tuple[int, int] | None:
        """The whole charges that a shared one lies between."""
        if self.valence is None or self.valence % 1 == 0:
            return None
        return math.floor(self.valence), math.ceil(self.valence)


@dataclass(frozen=True)
class Coverage:
    """Counts of published spectra by ion and environment; rows and columns in reading order."""

    ions: list[Ion]
    environments: list[Environment]
    counts: dict[tuple[Ion, Environment], int]
    totals: dict[Ion, int]
    n_spectra: int
    n_known: int
    """Of these, with a known site."""
    states: dict[Ion, list[float]]
    """The valences that a row holds, as the sites have them."""


def coverage(*, kind: str = "", hypothetical: bool | None = None, edge: str = "L23") -> Coverage:
    """Count the published spectra of an edge; kept until a spectrum or a site changes.

    Parameters
    ----------
    kind
        ``theory`` or ``experiment``; both when empty.
    hypothetical
        Only real (False) or only hypothetical (True) structures.
    """
    key = f"coverage:{_stamp()}:{kind}:{hypothetical}:{edge}"
    found: Coverage | None = cache.get(key)
    if found is None:
        found = _counted(kind, hypothetical, edge)
        cache.set(key, found, _KEEP_SECONDS)
    return found


def _stamp() -> str:
    change = Site.history.order_by().aggregate(last=Max("history_id"))["last"]
    return f"{library_stamp()}:{change}"


def _counted(kind: str, hypothetical: bool | None, edge: str) -> Coverage:
    rows = Spectrum.objects.published().filter(edge=edge).exclude(absorber="").order_by()
    if kind:
        rows = rows.filter(kind=kind)
    if hypothetical is not None:
        rows = rows.filter(structure__hypothetical=hypothetical)
    cells = rows.values_list(
        "absorber", "site__oxidation_state", "site__ligands", "site__coordination_number"
    ).annotate(n=Count("pk"))
    found: dict[tuple[Ion, str, int | None], int] = defaultdict(int)
    by_ligand: dict[str, int] = defaultdict(int)
    totals: dict[Ion, int] = defaultdict(int)
    states: dict[Ion, set[float]] = defaultdict(set)
    for absorber, state, ligands, number, n in cells:
        ion = _row_of(absorber, state)
        totals[ion] += n
        if state is not None:
            states[ion].add(written_valence(state))
        if ligands:
            found[ion, ligands, number] += n
            by_ligand[ligands] += n
    leading = sorted(by_ligand, key=lambda one: (-by_ligand[one], one))[:MOST_LIGANDS]
    counts: dict[tuple[Ion, Environment], int] = defaultdict(int)
    for (ion, ligands, number), n in found.items():
        place = Environment(ligands, number) if ligands in leading else Environment(None, None)
        counts[ion, place] += n
    order = {ligands: k for k, ligands in enumerate(leading)}
    environments = sorted(
        {place for _, place in counts},
        key=lambda one: (order.get(one.ligands or "", len(order)), one.coordination or 0),
    )
    ions = sorted(totals, key=_place_of)
    return Coverage(
        ions,
        environments,
        dict(counts),
        dict(totals),
        sum(totals.values()),
        sum(by_ligand.values()),
        {ion: sorted(found_of) for ion, found_of in states.items()},
    )


def _row_of(absorber: str, state: float | None) -> Ion:
    if state is None:
        return Ion(absorber, None)
    whole = round(state)
    return Ion(absorber, float(whole) if abs(state - whole) < WHOLE else math.floor(state) + 0.5)


@dataclass(frozen=True)
class Gap:
    """Ligands in which an ion was computed of prototypes alone."""

    ion: Ion
    ligands: list[str]


def gaps(*, edge: str = "L23") -> list[Gap]:
    """What prototypes stand in for: ions and ligands without a spectrum of a real crystal."""
    key = f"gaps:{_stamp()}:{edge}"
    found: list[Gap] | None = cache.get(key)
    if found is None:
        found = _lacking(edge)
        cache.set(key, found, _KEEP_SECONDS)
    return found


def _lacking(edge: str) -> list[Gap]:
    rows = (
        Spectrum.objects.published()
        .filter(edge=edge, structure__isnull=False, site__oxidation_state__isnull=False)
        .exclude(site__ligands="")
        .order_by()
        .values_list(
            "absorber", "site__oxidation_state", "site__ligands", "structure__hypothetical"
        )
        .distinct()
    )
    real: set[tuple[Ion, str]] = set()
    made: dict[Ion, set[str]] = defaultdict(set)
    for absorber, state, ligands, hypothetical in rows:
        ion = _row_of(absorber, state)
        if hypothetical:
            made[ion].add(ligands)
        else:
            real.add((ion, ligands))
    return [
        Gap(ion, lacking)
        for ion in sorted(made, key=_place_of)
        if (lacking := sorted(one for one in made[ion] if (ion, one) not in real))
    ]


def _place_of(ion: Ion) -> tuple[int, float]:
    from spectradb.elements import ELEMENTS

    number = next((k for k, one in enumerate(ELEMENTS) if one.symbol == ion.absorber), 999)
    return number, 99.0 if ion.valence is None else ion.valence
