"""What a library is to hold: sites × routes, as a plan tells or as a release has it.

A plan is a JSON file of steps, each of which names structures, a route and an edge:

    {"format": "spectradb-plan", "release": "2026.12", "distance": 0.01, "steps": [
      {"of": "real", "route": "cheap"},
      {"of": "prototypes", "route": "cheap", "elements": ["Mn"], "most": 500},
      {"of": "real", "route": "cluster", "ligands": ["O", "F"], "most": 400},
      {"of": "measured", "route": "feff", "edge": "K", "most": 40}]}

``real`` and ``prototypes`` are those of the library whose valence is sure; ``measured`` are the
absorbing sites of crystals that a measured spectrum of the edge belongs to, ``beside`` the sites
of other elements in these crystals. ``valences`` (whole
numbers) takes sites of these only. ``most`` is how many sites: of each element's prototypes as
these are numbered, of real crystals as :mod:`spectradb.services.library.chosen` orders them, of
measured ones thinly packed crystals first.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from compute.crystals.prototypes import VALENCES
from compute.errors import InputError, ReadError
from spectradb.models import Calculation, Kind, Site, Spectrum, StructureElement
from spectradb.services.calculations import routes
from spectradb.services.calculations.structures import queue_sites
from spectradb.services.library.build import library_sites, store_variants
from spectradb.services.library.chosen import by_coverage, family

FORMAT = "spectradb-plan"
REAL, PROTOTYPES, MEASURED, BESIDE = "real", "prototypes", "measured", "beside"
_OF_MEASURED = (MEASURED, BESIDE)
_TUPLES = ("elements", "ligands", "valences")
_WHOLE = 0.01  # of a valence


@dataclass(frozen=True)
class Step:
    """Sites of one kind by one route.

    Attributes
    ----------
    of : str
        ``real``, ``prototypes``, ``measured`` or ``beside``.
    elements, ligands : tuple of str
        Only these; all where empty.
    valences : tuple of int
        Only sites of these (to a hundredth); all where empty.
    most : int or None
        How many sites (of prototypes: of each element).
    """

    of: str
    route: str
    edge: str = "L23"
    elements: tuple[str, ...] = ()
    ligands: tuple[str, ...] = ()
    valences: tuple[int, ...] = ()
    most: int | None = None


@dataclass(frozen=True)
class Plan:
    """What a release is made of; ``distance`` as in ``export_library``."""

    release: str
    distance: float
    steps: tuple[Step, ...]


def read_plan(path: Path) -> Plan:
    """A plan, every step of it checked.

    Raises
    ------
    ReadError
        Naming the file, the step and what is wrong with it.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise ReadError([f"{path.name}: format is {told['format']!r}, not {FORMAT!r}"])
        steps = [_step(one, f"{path.name}: step {n}") for n, one in enumerate(told["steps"], 1)]
        return Plan(str(told["release"]), float(told.get("distance", 0.0)), tuple(steps))
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError([f"{path.name}: {error}"]) from error
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ReadError([f"{path.name} is no plan: {error!r}"]) from error


def _step(told: dict[str, Any], where: str) -> Step:
    unknown = set(told) - {one.name for one in fields(Step)}
    if unknown:
        raise ReadError([f"{where}: {', '.join(sorted(unknown))} is not known"])
    step = Step(**(told | {name: tuple(told.get(name, ())) for name in _TUPLES}))
    if step.of not in (REAL, PROTOTYPES, *_OF_MEASURED):
        raise ReadError([f"{where}: of is {step.of!r}, not real, prototypes, measured or beside"])
    odd = [one for one in step.valences if type(one) is not int]
    if odd:
        raise ReadError([f"{where}: valences are whole numbers, not {odd[0]!r}"])
    if step.valences and step.of in _OF_MEASURED:
        raise ReadError([f"{where}: valences choose no measured sites"])
    if step.most is not None and step.most < 1:
        raise ReadError([f"{where}: most is {step.most}, at least 1"])
    try:
        for element in step.elements or ("Cu",):
            routes.check(element, step.edge, step.route)
    except InputError as error:
        raise ReadError([f"{where}: {error}"]) from error
    return step


def queue_step(step: Step) -> list[Calculation]:
    """Queue the sites of a step that have no calculation yet; those of all its sites."""
    order = {site.pk: n for n, site in enumerate(sites_of_step(step))}
    return queue_sites(Site.objects.filter(pk__in=order), step.edge, step.route, order=order)


def sites_of_step(step: Step) -> list[Site]:
    """The sites of a step in their order; prototypes that are not here yet are stored."""
    if step.of in _OF_MEASURED:
        return _measured(step)[: step.most]
    elements = step.elements or tuple(VALENCES)
    made = step.of == PROTOTYPES
    if made and step.most is not None:
        for element in elements:
            for _ in store_variants(element, step.most):
                pass
    sites = [
        site
        for site in library_sites(elements)
        if bool(site.structure.hypothetical) == made
        and (not step.ligands or set(step.ligands).issuperset(site.ligands.split("-")))
        and (not step.valences or _has_valence(site, step.valences))
    ]
    if made or step.most is None:
        return sites
    return by_coverage(sites, _families(sites))[: step.most]


def _has_valence(site: Site, valences: Sequence[int]) -> bool:
    state = site.oxidation_state
    return state is not None and any(abs(state - one) <= _WHOLE for one in valences)


def _families(sites: Sequence[Site]) -> dict[int, str]:
    held: dict[int, list[str]] = defaultdict(list)
    rows = StructureElement.objects.filter(structure__in={site.structure_id for site in sites})
    for structure, element in rows.values_list("structure_id", "element"):
        held[structure].append(element)
    return {structure: family(elements) for structure, elements in held.items()}


def _measured(step: Step) -> list[Site]:
    wanted = (
        Spectrum.objects.published()
        .filter(kind=Kind.EXPERIMENT, edge=step.edge, structure__isnull=False)
        .order_by()
        .values_list("structure_id", "absorber")
        .distinct()
    )
    pairs = set(wanted)
    sites = Site.objects.filter(structure__in={one for one, _ in pairs}).select_related("structure")
    if step.elements:
        sites = sites.filter(element__in=step.elements)
    able = [
        site
        for site in sites.defer("structure__data")
        if ((site.structure_id, site.element) in pairs) == (step.of == MEASURED)
        and site.occupancy >= 1.0
    ]
    return sorted(able, key=lambda site: (_packing(site), site.structure_id, site.index))


def _packing(site: Site) -> float:
    """Atoms in 1 Å³: the time of FEFF grows with those in its sphere, not with those in a cell."""
    return site.structure.n_sites / site.structure.volume
