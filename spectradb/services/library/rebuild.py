"""A release computed anew from its own recipes, and whether it comes out the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import ArrayLike
from pymatgen.core import Structure as Crystal

from compute.packing import LEVELS, unpack_curve
from spectradb.models import Calculation, Site, Spectrum, Structure
from spectradb.services.calculations.structures import queue_sites
from spectradb.services.library.load import energies_of, store_structures
from spectradb.services.library.publish import variant_of, whole
from spectradb.services.library.release import Release

SAME_STEPS, SAME_EV = 1.0, 1e-3
_CHUNK = 500
Key = tuple[int, str, str]  # site, edge, route


@dataclass
class Comparison:
    """Curves of a release beside those computed anew.

    Attributes
    ----------
    n : int
        Spectra of the release.
    computed : int
        Of these there now.
    same : int
        Within a step of the quantisation, at the same energies to a thousandth of an eV.
    largest_steps : float
        Largest difference of a curve, in steps.
    differing : list of str
        What is not the same, and how far off it is.
    """

    n: int
    computed: int = 0
    same: int = 0
    largest_steps: float = 0.0
    differing: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return self.same == self.n

    def add(self, name: str, steps: float, shift_ev: float) -> None:
        self.computed += 1
        self.largest_steps = max(self.largest_steps, steps)
        if steps <= SAME_STEPS and shift_ev <= SAME_EV:
            self.same += 1
        else:
            self.differing.append(f"{name}: {steps:.2f} steps, {shift_ev:.4f} eV")


def hours(release: Release) -> dict[str, float]:
    """CPU hours that the spectra of each route took, as the release tells."""
    out: dict[str, float] = defaultdict(float)
    for row in release.spectra:
        out[row["route"]] += (row["seconds"] or 0.0) / 3600.0
    return dict(sorted(out.items()))


def queue_release(release: Release) -> list[Calculation]:
    """Store the structures of a release, and queue each of its spectra that is not here yet."""
    sites = _sites(release)
    wanted: dict[tuple[str, str], list[int]] = defaultdict(list)
    for site, edge, route in sites:
        wanted[edge, route].append(site)
    rows = []
    for (edge, route), chosen in wanted.items():
        for start in range(0, len(chosen), _CHUNK):
            part = Site.objects.filter(pk__in=chosen[start : start + _CHUNK])
            rows += queue_sites(part, edge, route)
    return rows


def compare(release: Release) -> Comparison:
    """What is computed here beside the curves of a release."""
    found = Comparison(len(release.spectra))
    for keys in _parts(_sites(release)):
        shown = (
            Spectrum.objects.published()
            .filter(site__in={site for site, *_ in keys}, contributor=None)
            .select_related("calculation", "structure")
            .defer("calculation__sticks", "calculation__trace", "structure__data")
        )
        for one in shown:
            route = one.calculation.route if one.calculation else ""
            row = keys.get((one.site_id or 0, one.edge, route))
            if row is not None:
                name = one.structure.source_id if one.structure else str(one)
                where = f"{name}, {one.absorber} {route}"
                found.add(where, *apart(row, one.energy, one.intensity))
    return found


def apart(row: dict[str, Any], energy: ArrayLike, intensity: ArrayLike) -> tuple[float, float]:
    """How far a curve is from that of a row: steps of its quantisation, and energies in eV."""
    energy, kept = np.asarray(energy), unpack_curve(row["largest"], row["curve"])
    told = energies_of(row)
    if energy.size != told.size:
        return np.inf, np.inf
    difference = np.abs(np.asarray(intensity) - kept).max()
    return float(difference / (row["largest"] / LEVELS)), float(np.abs(energy - told).max())


def crystal_of(held: dict[str, Any]) -> Crystal:
    """The cell of a structure's row; of a prototype by its recipe."""
    variant = variant_of(held["recipe"]) if held["recipe"] else None
    return variant.structure() if variant else Crystal.from_dict(whole(held["cell"]))


def _sites(release: Release) -> dict[Key, dict[str, Any]]:
    """Each row of the release by the site that it is of, structures stored where they are not."""
    stored: dict[str, tuple[Structure, list[Site | None]]] = {}
    for start in range(0, len(release.structures), _CHUNK):
        with transaction.atomic():
            stored |= store_structures(release.structures[start : start + _CHUNK])
    out = {}
    for row in release.spectra:
        digest = release.structures[row["structure"]]["digest"]
        site = stored[digest][1][row["site"]]
        if site is not None:
            out[site.pk, row["edge"], row["route"]] = row
    return out


def _parts(rows: dict[Key, dict[str, Any]]) -> Iterator[dict[Key, dict[str, Any]]]:
    keys = sorted(rows)
    for start in range(0, len(keys), _CHUNK):
        yield {key: rows[key] for key in keys[start : start + _CHUNK]}
