"""The routes from a structure to the parameters of an L2,3 spectrum, by name.

A route is a function (:class:`compute.l23.prepared.Parameters`) with a version, registered here
and nowhere else. What a route is made of is loaded when it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compute.atom.version import VERSION as ATOM
from compute.errors import InputError
from compute.ions import ELEMENTS_3D
from compute.l23.cheap.version import VERSION as CHEAP
from compute.l23.cluster.version import VERSION as CLUSTER
from compute.l23.prepared import TEMPERATURE_K, Parameters, PreparedCase
from compute.multiplet.version import VERSION as ENGINE

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

_DECIMALS = 6  # of a valence in a key
_WITH_HOLES = tuple(element for element in ELEMENTS_3D if element != "Zn")  # Zn2+ is 3d10


@dataclass(frozen=True)
class Route:
    """One way to the parameters.

    Attributes
    ----------
    name : str
    version : str
        Raised whenever the route's parameters change, be it by the analysis of the sites.
    parameters : Parameters
    absorbers : tuple of str
        Elements of which it knows an ion that absorbs.
    """

    name: str
    version: str
    parameters: Parameters
    absorbers: tuple[str, ...]


def _cheap(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    *,
    temperature_k: float = TEMPERATURE_K,
) -> PreparedCase:
    from compute.l23.cheap.parameters import parameters

    return parameters(structure, sites, site, temperature_k=temperature_k)


def _cluster(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    *,
    temperature_k: float = TEMPERATURE_K,
) -> PreparedCase:
    from compute.l23.cluster.parameters import parameters

    return parameters(structure, sites, site, temperature_k=temperature_k)


_REGISTRY = {
    route.name: route
    for route in (
        Route("cheap", CHEAP, _cheap, _WITH_HOLES),
        Route("cluster", CLUSTER, _cluster, _WITH_HOLES),
    )
}
ROUTES = tuple(_REGISTRY)


def known(route: str) -> Route:
    """The route of this name.

    Raises
    ------
    InputError
    """
    if route not in _REGISTRY:
        raise InputError("route", route, f"known: {', '.join(ROUTES)}")
    return _REGISTRY[route]


def absorbers(route: str) -> tuple[str, ...]:
    """The elements whose L2,3 edge a route computes, in order of atomic number."""
    return known(route).absorbers


def version(route: str) -> dict[str, str]:
    """Versions of all that decides a route's numbers: the route, the engine, the free ions."""
    return {"route": known(route).version, "engine": ENGINE, "atom": ATOM}


def prepare(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    route: str = "cheap",
    *,
    temperature_k: float = TEMPERATURE_K,
) -> PreparedCase:
    """Parameters of one site by a route.

    Parameters
    ----------
    structure : pymatgen Structure
    sites : sequence of Site
        All distinct sites, whose charges make the potential.
    site : Site
        The absorbing one.

    Raises
    ------
    InputError, ConvergenceError
        An unknown route; what the route says of the site.
    """
    return known(route).parameters(structure, sites, site, temperature_k=temperature_k)


def input_key(
    structure_key: str,
    valences: Sequence[tuple[int | str, float]],
    site_index: int | str,
    route: str,
    *,
    edge: str = "L23",
    temperature_k: float = TEMPERATURE_K,
    shape: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Everything that decides the spectrum of a site, ready for JSON: what its hash covers.

    Parameters
    ----------
    structure_key : str
        Stands for cell, atoms and their positions.
    valences : sequence of (int or str, float)
        Key (first atom; of places held in part with the element, ``Fe:3``) and oxidation state
        of every distinct site: all of them make the potential.
    site_index : int or str
        Key of the absorbing site.
    shape : mapping, optional
        What differs from the default shape (:attr:`compute.l23.lineshape.Shape.chosen`).
    versions : mapping, optional
        Those of an older result, as :func:`version` gives the present ones.
    """
    return {
        "versions": dict(version(route) if versions is None else versions),
        "structure": structure_key,
        "valences": sorted(
            ([key, round(float(state), _DECIMALS)] for key, state in valences),
            key=lambda one: (isinstance(one[0], str), one[0]),
        ),
        "site": site_index,
        "edge": edge,
        "temperature_k": float(temperature_k),
        **({"shape": dict(sorted(shape.items()))} if shape else {}),
    }
