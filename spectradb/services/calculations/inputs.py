"""What decides the spectrum of a site: its hash, and whether a result is still of that input."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from compute.l23.lineshape import Shape
from compute.routes import input_key
from compute.sites.oxidation import STATED
from spectradb.models import Calculation, Site
from spectradb.services.calculations import routes

ENGINE = routes.engine("cheap")
OUTDATED = "Computed for other valences of its structure"
_FIRST = {"engine": "multiplet-1", "atom": "atom-1"}
"""What a result counts as that is from before engine and free ions had versions."""
_SAME = 0.01  # of two valences


def orbit_key(site: Site) -> int | str:
    """The first atom of the site's orbit (``index`` may be any of them); of places that it holds in
    part with its element, ``Fe:3``."""
    first: int = min(site.equivalent_indices, default=site.index)
    return first if site.occupancy >= 1.0 else f"{site.element}:{first}"


def valences(sites: Iterable[Site]) -> dict[int | str, float]:
    """Oxidation state of each orbit, by its key; what is stated before what is not."""
    ordered = sorted(sites, key=lambda site: site.oxidation_method == STATED)
    return {
        orbit_key(site): site.oxidation_state
        for site in ordered
        if site.oxidation_state is not None
    }


def input_hash(
    site: Site,
    known: Mapping[int | str, float],
    edge: str,
    route: str,
    versions: Mapping[str, str] | None = None,
    shape: Mapping[str, Any] | None = None,
) -> str:
    """SHA-256 of everything that decides the result.

    Parameters
    ----------
    known
        Valence of every orbit of the structure, by its key.
    versions
        Those of an older result (:func:`versions_of`); the present ones when None.
    shape
        What differs from the default shape (``Shape.chosen``).
    """
    given = input_key(
        site.structure.content_hash,
        list(known.items()),
        orbit_key(site),
        routes.beneath(route),
        edge=edge,
        versions=routes.version(route) if versions is None else versions,
        shape=shape,
    )
    key = json.dumps([ENGINE, route, given], sort_keys=True)
    return hashlib.sha256(key.encode()).hexdigest()


def present_versions(route: str) -> str:
    """Versions of all that decides a route's numbers, as calculations keep them."""
    return " ".join(routes.version(route).values())


def versions_of(kept: str, route: str) -> dict[str, str]:
    """The versions of a calculation's column, named as the route names them."""
    names = list(routes.version(route))
    return {name: _FIRST[name] for name in names if name in _FIRST} | dict(
        zip(names, kept.split(), strict=False)
    )


def shape_of(row: Calculation) -> Shape:
    """The shape that a calculation was asked in."""
    return Shape(**(row.results.get("shape") or {}))


def is_of(row: Calculation, known: Mapping[int | str, float]) -> bool:
    """Whether a result is of these valences of its structure, by whatever version.

    What no structure was given for, and a person has put to a site, is compared by its ion.
    """
    if row.engine != ENGINE or row.site is None:
        return True
    if row.structure_id is None:
        charge, state = row.parameters.get("charge"), known.get(orbit_key(row.site))
        return charge is None or state is None or abs(float(charge) - state) < _SAME
    versions = versions_of(row.version, row.route)
    shape = row.results.get("shape")
    return input_hash(row.site, known, row.edge, row.route, versions, shape) == row.input_hash
