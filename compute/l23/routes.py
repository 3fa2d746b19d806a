"""The routes from a structure to an L2,3 spectrum, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import floor
from typing import TYPE_CHECKING

from compute.errors import InputError
from compute.ions import d_electrons
from compute.l23.cheap import parameters as cheap
from compute.l23.cluster import parameters as cluster
from compute.l23.spectrum import SiteSpectrum, mixed, solve_cheap
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
_WHOLE = 1e-3  # valences this near to a whole number are whole


def l23_spectrum(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    route: str = "cheap",
    *,
    temperature_k: float = 300.0,
) -> SiteSpectrum:
    """The L2,3 spectrum of one site from the structure alone.

    Equivalent atoms that share a charge (Fe2.5+ of magnetite) are taken as the two ions next to
    it, each for its share.

    Raises
    ------
    InputError
        An unknown route, or a site that the route does not know.
    ConvergenceError
        If a field or the engine did not converge; nothing is returned then.
    """
    if route not in _PARAMETERS:
        raise InputError("route", route, f"known: {', '.join(ROUTES)}")

    def solved(ion: Site) -> SiteSpectrum:
        return solve_cheap(_PARAMETERS[route](structure, sites, ion, temperature_k=temperature_k))

    lower = floor(site.oxidation_state + _WHOLE)
    share = site.oxidation_state - lower
    if share < _WHOLE:
        return solved(site)
    ions = [(lower, 1.0 - share), (lower + 1, share)]
    able = [
        (replace(site, oxidation_state=float(valence)), weight)
        for valence, weight in ions
        if (d_electrons(site.element, valence) or 0) < 10  # a full shell absorbs nothing
    ]
    return mixed([solved(ion) for ion, _ in able], [weight for _, weight in able])
