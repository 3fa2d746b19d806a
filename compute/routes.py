"""The routes from a structure to an L2,3 spectrum, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from compute.cluster import parameters as cluster
from compute.errors import InputError
from compute.ligandfield import cheap
from compute.ligandfield.spectra import SiteSpectrum, solve_cheap
from compute.sites import Site

if TYPE_CHECKING:
    from pymatgen.core import Structure

_PARAMETERS: dict[str, Callable[..., cheap.CheapCase]] = {
    "cheap": cheap.parameters,
    "cluster": cluster.parameters,
}
# Part of every input hash.
VERSIONS = {"cheap": cheap.VERSION, "cluster": cluster.VERSION}
ROUTES = tuple(_PARAMETERS)


def l23_spectrum(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    route: str = "cheap",
    *,
    temperature_k: float = 300.0,
) -> SiteSpectrum:
    """The L2,3 spectrum of one site from the structure alone.

    Raises
    ------
    InputError
        An unknown route, or a site that the route does not know.
    ConvergenceError
        If a field or the engine did not converge; nothing is returned then.
    """
    if route not in _PARAMETERS:
        raise InputError("route", route, f"known: {', '.join(ROUTES)}")
    return solve_cheap(_PARAMETERS[route](structure, sites, site, temperature_k=temperature_k))
