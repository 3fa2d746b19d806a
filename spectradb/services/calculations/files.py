"""Spectra of structure files, a row for each site: nothing is stored, no database, no queue."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import ComputeError, InputError, OutOfRangeError, ReadError
from compute.io.question import QuestionError
from compute.l23.lineshape import PLAIN, Shape
from compute.l23.prepared import NoMultipletError, no_ion, refuse_undescribed
from compute.structures.findings import obstacles
from compute.tasks import told
from spectradb.services.calculations import routes
from spectradb.services.calculations.stated import StatedValence, of_crystal
from spectradb.services.imports.structure_files import ReadStructure, read_each
from spectradb.services.imports.structures import analysed

if TYPE_CHECKING:
    from pymatgen.core import Structure as PymatgenStructure

    from compute.feff.spectrum import FeffSpectrum
    from compute.l23.spectrum import SiteSpectrum
    from compute.sites import Site as FoundSite

_MOST_DRAWS = 100
_CLOSED_SHELL = {"Zn": 2.0}  # 3d elements without an ion that has a hole in 3d


@dataclass(frozen=True)
class ComputedSite:
    """One absorbing site's spectrum, or the reason why there is none."""

    source_id: str
    formula: str
    site_index: int | None
    element: str
    oxidation_state: float | None
    route: str
    status: str  # done, failed, queued …
    energy_ev: NDArray[np.float64] | None = None
    intensity: NDArray[np.float64] | None = None
    energy_offset_ev: float | None = None
    energy_offset_err: float | None = None
    ten_dq: float | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    error: str | None = None
    multiplicity: int | None = None
    """Equivalent atoms in the cell: the weight of this site in the crystal's spectrum."""
    warnings: list[str] = field(default_factory=list)
    question: dict[str, Any] | None = None
    valence_confidence: float | None = None
    s_squared: float | None = None
    spin: str | None = None  # of the computed initial state
    geometry: str | None = None
    local_axes: list[list[float]] | None = None  # rows x, y, z in the structure's Cartesian axes
    branching_ratio: float | None = None
    sigma: dict[str, float] | None = None
    """Of route ``learned``: standard errors of its parameters, eV."""
    model: dict[str, Any] | None = None
    """The same: which weights, of what, and how far the site is from what they have seen."""
    intensity_sigma: NDArray[np.float64] | None = None
    """What the curve is uncertain by with them, where that was asked for."""


def check_request(
    absorber: str, edge: str, route: str, *, fallback: str = "", draws: int = 0
) -> None:
    """Refuse what no route can do, before any work.

    Parameters
    ----------
    fallback : str
        A route that answers for sites that route ``learned`` has not seen the like of; none if
        empty.
    draws : int
        Of route ``learned``: how often the engine is run within the errors of its parameters.

    Raises
    ------
    InputError
    """
    if route != routes.LEARNED and (fallback or draws):
        name, value = ("fallback", fallback) if fallback else ("draws", draws)
        raise InputError(name, value, f"is for route {routes.LEARNED} alone")
    if fallback and fallback not in routes.FALLBACKS:
        raise InputError("fallback", fallback, f"known: {', '.join(routes.FALLBACKS)}")
    if not 0 <= draws <= _MOST_DRAWS:
        raise InputError("draws", draws, f"must be 0 to {_MOST_DRAWS}")
    ours = route in routes.MULTIPLETS
    unknown = ours and edge == "L23" and absorber not in routes.absorbers(route)
    if unknown and (why := no_ion(absorber, _CLOSED_SHELL.get(absorber, 1.0))):
        raise NoMultipletError("absorber", absorber, why)
    routes.check(absorber, edge, route)


def compute_files(
    paths: Iterable[Path],
    absorber: str,
    edge: str,
    route: str,
    *,
    space_group: str = "",
    stated: Sequence[StatedValence] = (),
    shape: Shape = PLAIN,
    fallback: str = "",
    draws: int = 0,
) -> Iterator[ComputedSite]:
    """Spectra of structure files; nothing is stored, no database, no queue.

    A file or site that fails gives its reason and stops nothing else; one that is doubted
    is not calculated.

    Parameters
    ----------
    space_group : str
        The answer to a question of symmetry, for all CIFs.
    stated : sequence of StatedValence
        Valences that are known; they go before a file's own charges.
    shape : Shape
        Widths and continuum steps.
    fallback, draws
        Of route ``learned`` (:func:`check_request`); a row names the route that answered.
    """
    check_request(absorber, edge, route, fallback=fallback, draws=draws)
    asked = _Asked(edge, route, shape, fallback, draws)
    for path in paths:
        for one in read_each(path, space_group=space_group):
            if isinstance(one, ReadError):
                question = one.question.as_json() if isinstance(one, QuestionError) else None
                failed = _failure(path.stem, "", absorber, route, str(one))
                yield replace(failed, question=question)
            else:
                name = one.source_id or path.stem
                yield from _compute_structure(one, name, absorber, asked, stated)


@dataclass(frozen=True)
class _Asked:
    """How spectra are to be computed."""

    edge: str
    route: str
    shape: Shape
    fallback: str
    draws: int

    def spectrum(
        self, structure: PymatgenStructure, sites: Sequence[FoundSite], site: FoundSite
    ) -> tuple[SiteSpectrum | FeffSpectrum, str, list[str]]:
        """The spectrum of a site, the route that answered, and what is to be told of that."""
        try:
            found = routes.site_spectrum(
                structure, sites, site, self.edge, self.route, shape=self.shape, draws=self.draws
            )
        except OutOfRangeError as error:
            if not self.fallback:
                raise
            words = [f"{error}; answered by route {self.fallback}"]
            found = routes.site_spectrum(
                structure, sites, site, self.edge, self.fallback, shape=self.shape
            )
            return found, self.fallback, words
        return found, self.route, []


def _compute_structure(
    read: ReadStructure,
    source_id: str,
    absorber: str,
    asked: _Asked,
    stated: Sequence[StatedValence],
) -> Iterator[ComputedSite]:
    structure, route = read.structure, asked.route
    formula = structure.composition.element_composition.reduced_formula
    failed = _failure(source_id, formula, absorber, route, "")
    of_structure = [one.text for one in read.findings]
    if read.refusal:
        yield replace(failed, error=f"not calculated: {read.refusal}", warnings=of_structure)
        return
    try:
        known = of_crystal(stated, structure)
        sites, findings = analysed(structure, read.findings, stated=known)
    except InputError as error:
        yield replace(failed, error=str(error), warnings=of_structure)
        return
    of_structure = [one.text for one in findings]
    against = "; ".join(one.text for one in obstacles(findings))
    absorbing = [site for site in sites if site.element == absorber]
    if not absorbing:
        yield replace(failed, error=f"{formula} holds no {absorber}", warnings=of_structure)
    for site in absorbing:
        started = time.perf_counter()
        row = replace(
            failed,
            site_index=site.index,
            oxidation_state=site.oxidation_state,
            valence_confidence=site.oxidation_confidence,
            multiplicity=site.multiplicity,
            geometry=site.geometry,
            local_axes=site.local_axes.tolist(),
        )
        try:
            if route in routes.MULTIPLETS:
                refuse_undescribed(site, sites)
            if against:
                raise InputError("structure", formula, f"not calculated: {against}")
            found, answered, about = asked.spectrum(structure, sites, site)
        except ComputeError as error:
            seconds = time.perf_counter() - started
            yield replace(row, seconds=seconds, error=str(error), warnings=of_structure)
            continue
        yield replace(
            row,
            status="done",
            route=answered,
            error=None,
            energy_ev=found.energy_ev,
            intensity=found.intensity,
            energy_offset_ev=found.energy_offset_ev,
            energy_offset_err=found.energy_offset_err,
            ten_dq=found.ten_dq,
            parameters=found.result["parameters"],
            seconds=time.perf_counter() - started,
            warnings=[*about, *told(of_structure, site, found)],
            s_squared=found.result.get("expectation", {}).get("S2"),
            spin=found.result.get("spin"),
            branching_ratio=found.result.get("branching_ratio"),
            sigma=found.result.get("sigma"),
            model=found.result.get("model"),
            intensity_sigma=found.result.get("intensity_sigma"),
        )


def _failure(source_id: str, formula: str, absorber: str, route: str, error: str) -> ComputedSite:
    return ComputedSite(
        source_id, formula, None, absorber, None, route, status="failed", error=error
    )
