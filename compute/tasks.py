"""One calculation as plain data: what decides it goes in, what it gives comes out.

A worker of the site and one of another machine do the same by :func:`run`; the latter needs this
package alone.
"""

from __future__ import annotations

import os
import pickle
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from compute import routes
from compute.errors import InputError
from compute.l23.lineshape import PLAIN, Shape
from compute.l23.prepared import refuse_undescribed
from compute.multiplet import solve
from compute.sites import Site, analyze_sites
from compute.structures.disorder import disorder_findings
from compute.structures.valence import valence_findings

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.feff.spectrum import FeffSpectrum
    from compute.l23.spectrum import SiteSpectrum

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Valence:
    """The oxidation state of an orbit, how it was come by, and how sure that is (0 to 1)."""

    state: float | None
    source: str
    confidence: float


@dataclass(frozen=True)
class SiteTask:
    """The spectrum of one site of a crystal.

    Attributes
    ----------
    structure : dict
        As pymatgen writes it.
    symprec : float
        Å, of the analysis of its sites.
    valences : mapping
        Of each orbit, by its key (:attr:`compute.sites.Site.key`).
    element, index
        An atom of the orbit that absorbs.
    shape : Shape
        Widths and continuum steps.
    """

    structure: dict[str, Any]
    symprec: float
    valences: Mapping[int | str, Valence]
    element: str
    index: int
    edge: str
    route: str
    shape: Shape = PLAIN


@dataclass(frozen=True)
class CaseTask:
    """A multiplet of given parameters, as :func:`compute.multiplet.solve` takes them."""

    parameters: dict[str, Any]


Task = SiteTask | CaseTask


@dataclass(frozen=True)
class Ended:
    """What became of a task elsewhere: its result, or the error that stopped it.

    Attributes
    ----------
    seconds : float
        What it took there.
    """

    result: Any = None
    error: Exception | None = None
    seconds: float = 0.0
    process: int = field(default_factory=os.getpid)


def run(
    task: Task,
    *,
    progress: Progress | None = None,
    spectrum: Callable[..., SiteSpectrum | FeffSpectrum] = routes.site_spectrum,
) -> Any:
    """The result of a task: of a site its spectrum, of a case what the engine returns.

    Parameters
    ----------
    spectrum
        As :func:`compute.routes.site_spectrum`, of whoever knows more routes.

    Raises
    ------
    ComputeError
        What cannot be computed.
    """
    if isinstance(task, CaseTask):
        return solve(task.parameters)
    return _site(task, progress, spectrum)


def attempt(task: Task) -> Ended:
    """As :func:`run`, for a worker elsewhere: an error comes back with its words and lines."""
    started = time.perf_counter()
    try:
        result, error = run(task), None
    # Whatever stops a task is told to whoever asked; the worker goes on with the next.
    except Exception as caught:
        result, error = None, _sendable(caught)
    return Ended(result, error, time.perf_counter() - started)


def known_sites(
    structure: Structure, symprec: float, valences: Mapping[int | str, Valence]
) -> list[Site]:
    """The sites of a crystal whose valences are known.

    Raises
    ------
    InputError
        If the structure cannot be analysed.
    """
    stated = {key: one.state for key, one in valences.items() if one.state is not None}
    found = analyze_sites(structure, symprec=symprec, stated=stated)
    return [
        replace(site, oxidation_source=one.source, oxidation_confidence=one.confidence)
        if (one := valences.get(site.key)) is not None
        else site
        for site in found
    ]


def told(of_structure: list[str], site: Site, found: SiteSpectrum | FeffSpectrum) -> list[str]:
    """What is to be told of a result: of its structure, its ground state, and of the engine."""
    spin, by_bonds = found.result.get("spin"), site.spin_state
    against = []
    if spin and by_bonds and spin != by_bonds:
        s2 = found.result["expectation"]["S2"]
        against = [
            f"{site.element}[{site.index}]: bond lengths suggest {by_bonds} spin, the computed "
            f"initial state is {spin} (S² = {s2:.2f})"
        ]
    return list(dict.fromkeys([*of_structure, *against, *found.result.get("warnings", [])]))


def _site(
    task: SiteTask,
    progress: Progress | None,
    spectrum: Callable[..., SiteSpectrum | FeffSpectrum],
) -> SiteSpectrum | FeffSpectrum:
    from pymatgen.core import Structure

    structure = Structure.from_dict(task.structure)
    sites = known_sites(structure, task.symprec, task.valences)
    site = _site_at(sites, task.element, task.index)
    if task.route != routes.FEFF:  # a multiplet
        refuse_undescribed(site, sites)
    found = spectrum(
        structure, sites, site, task.edge, task.route, shape=task.shape, progress=progress
    )
    of_sites = [*valence_findings(structure, sites), *disorder_findings(sites)]
    about = {
        "warnings": told([one.text for one in of_sites], site, found),
        "geometry": site.geometry,
        "local_axes": site.local_axes,
    }
    return replace(found, result=found.result | about)


def _site_at(sites: list[Site], element: str, index: int) -> Site:
    for site in sites:
        if index in site.equivalent_indices and element == site.element:
            return site
    raise InputError("site", index, f"is no {element} atom of the structure")


def _sendable(error: Exception) -> Exception:
    """An error that can be sent, with its lines of code as a note."""
    lines = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
        sent = error
    except Exception:  # libraries' errors may be of any kind
        sent = RuntimeError(f"{type(error).__name__}: {error}")
    sent.add_note(lines)
    return sent.with_traceback(None)
