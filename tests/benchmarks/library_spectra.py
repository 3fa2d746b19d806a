"""Computed L2,3 spectra of compounds as the loaded site holds them (``SPECTRADB_VAR``).

A compound's spectrum is the sum over its sites on the absolute scale, each as often as it occurs,
as in `tests.benchmarks.compound_spectra`; nothing is computed. Crystals of which a site of the
element was not computed, made crystals and partly occupied ones are left out.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import django
import numpy as np
from pymatgen.core import Composition

from compute.crystals.published import crystal
from compute.l23.spectrum import STEP_EV
from tests.benchmarks.compound_spectra import Computed

if TYPE_CHECKING:
    from spectradb.models import Spectrum


@dataclass(frozen=True)
class Stored:
    """A compound, and the oxidation state of the element; None where several or unknown."""

    computed: Computed
    state: float | None


def stored(element: str, route: str, called: Collection[str]) -> list[Stored]:
    """What the site holds of an element by a route.

    Parameters
    ----------
    called : ids of published crystals
        A crystal of the same formula and space group bears that id, whatever list it came from.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    django.setup()
    from spectradb.models import Kind, Site, Spectrum

    rows = (
        Spectrum.objects.published()
        .filter(absorber=element, edge="L23", kind=Kind.THEORY, calculation__route=route)
        .exclude(structure__hypothetical=True)
        .select_related("structure", "site", "calculation")
        .defer("calculation__results", "calculation__sticks", "calculation__trace")
        .order_by("structure__source_id", "pk")
    )
    of_crystal: dict[int, dict[int, Spectrum]] = defaultdict(dict)
    for row in rows:
        if row.structure_id is not None and row.site_id is not None:
            of_crystal[row.structure_id].setdefault(row.site_id, row)
    sites: dict[int, set[int]] = defaultdict(set)
    whole = Site.objects.filter(element=element, structure_id__in=of_crystal)
    mixed = set(whole.filter(occupancy__lt=1.0).values_list("structure_id", flat=True))
    for pk, structure in whole.values_list("pk", "structure_id"):
        sites[structure].add(pk)
    names: dict[tuple[str, int], str] = {}
    for one in map(crystal, called):
        names.setdefault((Composition(one.formula).reduced_formula, one.number), one.id)
    parts = (
        list(found.values())
        for number, found in of_crystal.items()
        if number not in mixed and set(found) == sites[number]
    )
    return list(_compounds(parts, names))


def _compounds(
    parts: Iterator[list[Spectrum]], names: dict[tuple[str, int], str]
) -> Iterator[Stored]:
    for rows in parts:
        structure = rows[0].structure
        if structure is None:
            continue
        formula = Composition(structure.formula).reduced_formula
        name = names.get((formula, structure.space_group_number or 0), structure.source_id)
        states = {row.site.oxidation_state for row in rows if row.site is not None}
        yield Stored(_sum(rows, formula, name), states.pop() if len(states) == 1 else None)


def _sum(rows: list[Spectrum], formula: str, name: str) -> Computed:
    start = min(row.energy_min for row in rows)
    stop = max(row.energy_max for row in rows)
    energy = start + STEP_EV * np.arange(round((stop - start) / STEP_EV) + 1)
    total, count = np.zeros(energy.size), 0
    for row in rows:
        often = row.site.multiplicity if row.site is not None else 1
        own = np.interp(energy, np.asarray(row.energy), np.asarray(row.intensity), 0.0, 0.0)
        total, count = total + often * own, count + often
    calculation = rows[0].calculation
    assert calculation is not None
    zeta = float(calculation.parameters["final"]["zeta_2p"])
    return Computed(formula, name, energy, total / count, 1.5 * zeta)
