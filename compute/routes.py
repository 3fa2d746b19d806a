"""Every route from a structure to a spectrum, by name: those to L2,3 edges of ions, and FEFF.

What the routes to L2,3 share is in :mod:`compute.l23.routes`; here they stand beside FEFF, which
has other edges, other elements and other versions. What a route is made of is loaded when used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from compute.errors import InputError
from compute.feff import edges as feff_edges
from compute.feff.version import PACKAGE, RELEASE
from compute.feff.version import VERSION as FEFF_VERSION
from compute.l23 import routes as l23
from compute.l23.lineshape import PLAIN, Shape

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.feff.spectrum import FeffSpectrum
    from compute.l23.spectrum import SiteSpectrum
    from compute.sites import Site

FEFF = "feff"
MULTIPLETS = l23.ROUTES
"""Routes to the multiplets of 3d ions."""
ROUTES = (*MULTIPLETS, FEFF)


def edges(route: str) -> tuple[str, ...]:
    """The edges that a route computes."""
    if route == FEFF:
        return feff_edges.EDGES
    l23.known(route)
    return ("L23",)


def absorbers(route: str, edge: str = "L23") -> tuple[str, ...]:
    """The elements whose edge a route computes, in order of atomic number."""
    return feff_edges.absorbers(edge) if route == FEFF else l23.absorbers(route)


def check(absorber: str, edge: str, route: str) -> None:
    """Refuse what the route cannot do, before any work.

    Raises
    ------
    InputError
    """
    if route not in ROUTES:
        raise InputError("route", route, f"known: {', '.join(ROUTES)}")
    if edge not in edges(route):
        other = "" if route == FEFF or edge not in feff_edges.EDGES else "; route feff has others"
        raise InputError("edge", edge, f"known: {', '.join(edges(route))}{other}")
    if route == FEFF:
        feff_edges.check(absorber, edge)
    elif absorber not in absorbers(route):
        known = absorbers(route)
        meant = f"{absorber.capitalize()}? " if absorber.capitalize() in known else ""
        raise InputError("absorber", absorber, f"{meant}known: {', '.join(known)}")


def engine(route: str) -> str:
    """What computes the spectra of a route, as calculations name it."""
    return "FEFF10" if route == FEFF else "spectradb.multiplet"


def version(route: str) -> dict[str, str]:
    """Versions of all that decides a route's numbers."""
    if route == FEFF:
        return {"route": FEFF_VERSION, "engine": f"{PACKAGE}-{RELEASE}"}
    return l23.version(route)


def input_key(
    structure_key: str,
    valences: Sequence[tuple[int | str, float]],
    site_index: int | str,
    route: str,
    *,
    edge: str = "L23",
    versions: Mapping[str, str] | None = None,
    shape: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything that decides the spectrum of a site (:func:`compute.l23.routes.input_key`).

    FEFF finds the charges itself: valences are no part of its input.
    """
    if route != FEFF:
        return l23.input_key(
            structure_key, valences, site_index, route, edge=edge, versions=versions, shape=shape
        )
    return {
        "versions": dict(version(route) if versions is None else versions),
        "structure": structure_key,
        "site": site_index,
        "edge": edge,
    }


def site_spectrum(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    edge: str,
    route: str,
    *,
    shape: Shape = PLAIN,
    progress: Callable[[str, int, int], None] | None = None,
) -> SiteSpectrum | FeffSpectrum:
    """The spectrum of one site.

    Parameters
    ----------
    sites : sequence of Site
        All distinct sites.
    shape : Shape
        Widths and continuum of multiplets; FEFF has its own.
    progress : callable, optional
        Called with a stage's name, its number from 1, and how many there are; routes of one
        stage call nobody.

    Raises
    ------
    ComputeError
        An unknown route, an edge or site that it does not know; what did not converge or end.
    """
    check(site.element, edge, route)
    if route == FEFF:
        if shape.chosen:
            raise InputError("shape", shape.chosen, "route feff has widths and steps of its own")
        from compute.feff.run import silent
        from compute.feff.spectrum import feff_spectrum

        return feff_spectrum(structure, site, edge, progress=progress or silent)
    from compute.l23.spectrum import l23_spectrum

    return l23_spectrum(structure, sites, site, route, shape=shape)
