"""Every route that a calculation of the site may take: those of :mod:`compute.routes`, and
``learned``, whose model the site keeps.

Where no model is, the route is known but not offered, and asking for it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from compute import routes
from compute.l23 import routes as l23
from compute.l23.lineshape import PLAIN, Shape

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.feff.spectrum import FeffSpectrum
    from compute.l23.spectrum import SiteSpectrum
    from compute.sites import Site

FEFF = routes.FEFF
LEARNED = "learned"
MULTIPLETS = (*routes.MULTIPLETS, LEARNED)
ROUTES = (*MULTIPLETS, FEFF)
FALLBACKS = routes.MULTIPLETS
"""Routes that may answer where ``learned`` does not."""
_CORRECTED = "cheap"


def beneath(route: str) -> str:
    """The route of :mod:`compute.routes` with the same edges, absorbers and inputs."""
    return _CORRECTED if route == LEARNED else route


def is_here(route: str) -> bool:
    """Whether a known route can be taken: ``learned`` needs a model."""
    if route != LEARNED:
        return route in ROUTES
    from spectradb.services.learning.hamiltonians import NoModelError, model

    try:
        model()
    except NoModelError:
        return False
    return True


def edges(route: str) -> tuple[str, ...]:
    """The edges that a route computes."""
    return routes.edges(beneath(route))


def absorbers(route: str, edge: str = "L23") -> tuple[str, ...]:
    """The elements whose edge a route computes, in order of atomic number."""
    return routes.absorbers(beneath(route), edge)


def check(absorber: str, edge: str, route: str) -> None:
    """Refuse what the route cannot do, before any work.

    Raises
    ------
    InputError
    """
    if route != LEARNED:
        routes.check(absorber, edge, route)
        return
    from spectradb.services.learning.hamiltonians import model

    routes.check(absorber, edge, _CORRECTED)
    model()


def engine(route: str) -> str:
    """What computes the spectra of a route, as calculations name it."""
    return routes.engine(beneath(route))


def version(route: str) -> dict[str, str]:
    """Versions of all that decides a route's numbers.

    Of ``learned`` they are its own, the weights', those of the routes that it corrects and that
    it learnt of. A model that cannot be read is as none: asking for the route says so.
    """
    if route != LEARNED:
        return routes.version(route)
    from compute.l23.learned import VERSION
    from spectradb.services.learning.hamiltonians import NoModelError, present

    try:
        found = present()
    except NoModelError:
        found = None
    weights = "none" if found is None else found.identity
    taught = "none" if found is None else str(found.about["route"])
    quick = l23.version(_CORRECTED)
    return {
        "route": f"{VERSION}:{weights}",
        "engine": quick["engine"],
        "atom": quick["atom"],
        "corrects": quick["route"],
        "taught_by": taught,
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
    draws: int = 0,
) -> SiteSpectrum | FeffSpectrum:
    """The spectrum of one site (:func:`compute.routes.site_spectrum`).

    Parameters
    ----------
    draws : int
        Of route ``learned``: how many sets of parameters within their errors are solved as well.
        ``result["intensity_sigma"]`` (n,) is what the curve is uncertain by then.

    Raises
    ------
    ComputeError
        What the route says of the site; no model of route ``learned``, or one that has not seen
        such a site.
    """
    if route != LEARNED:
        return routes.site_spectrum(
            structure, sites, site, edge, route, shape=shape, progress=progress
        )
    from compute.l23.spectrum import spectrum_by
    from spectradb.services.learning.hamiltonians import Learned, model

    check(site.element, edge, route)
    by = model()
    learned = Learned(by, draws)
    found = spectrum_by(learned, structure, sites, site, shape=shape)
    # Of a site that is several ions, what holds of the one that is told of.
    said = max(
        learned.said.items(),
        key=lambda one: round(one[0][1]) == found.result["parameters"]["charge"],
    )[1]
    about: dict[str, Any] = {
        "sigma": dict(said.sigma),
        "model": {"weights": by.identity, "leverage": said.leverage, **by.about},
    }
    about["model"].pop("families", None)
    if draws:
        squares = np.zeros_like(found.intensity)
        for learned.draw in range(draws):
            other = spectrum_by(learned, structure, sites, site, shape=shape)
            moved = np.interp(found.energy_ev, other.energy_ev, other.intensity)
            squares += (moved - found.intensity) ** 2
        about["intensity_sigma"] = np.sqrt(squares / draws)
    return replace(found, result=found.result | about)
