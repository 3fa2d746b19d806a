"""What is matched with what: published spectra of one absorber, edge and kind belong together."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db.models import Avg, QuerySet
from numpy.typing import NDArray

from compute.errors import InputError
from compute.matching.l23 import WhiteLines, white_lines
from compute.matching.region import around_edges
from spectradb.models import Kind, Spectrum
from spectradb.services.spectra.normalise import normalise

FloatArray = NDArray[np.float64]
Curve = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class Group:
    """Published spectra that one library holds."""

    absorber: str
    edge: str
    kind: str

    @property
    def lines(self) -> WhiteLines | None:
        """Where L3 and L2 of a 3d element lie; None for other edges."""
        return white_lines(self.absorber, self.edge)

    @property
    def path(self) -> Path:
        return Path(settings.VAR_DIR) / "match" / f"{self.absorber}-{self.edge}-{self.kind}"

    def rows(self) -> QuerySet[Spectrum]:
        return Spectrum.objects.published().filter(
            absorber=self.absorber, edge=self.edge, kind=self.kind
        )


def groups(
    *, absorber: str | None = None, edge: str | None = None, kind: str | None = None
) -> list[tuple[Group, float, float]]:
    """Groups that have published spectra, each with the mean start and end of their range, eV."""
    rows = Spectrum.objects.published().exclude(absorber="").exclude(edge="")
    for name, value in (("absorber", absorber), ("edge", edge), ("kind", kind)):
        if value:
            rows = rows.filter(**{name: value})
    found = (
        rows.order_by()
        .values("absorber", "edge", "kind")
        .annotate(low=Avg("energy_min"), high=Avg("energy_max"))
        .order_by("absorber", "edge", "kind")
    )
    return [
        (Group(g["absorber"], g["edge"], g["kind"]), float(g["low"]), float(g["high"]))
        for g in found
    ]


def prepared(row: Spectrum) -> Curve | None:
    """A stored spectrum as it is matched: theory as computed, measured normalised; or None.

    Of measured 3d L2,3 edges the part around the edges, as of a query: scale and background are
    found by the match on either side.
    """
    energy, intensity = np.asarray(row.energy), np.asarray(row.intensity)
    if row.kind == Kind.THEORY:
        return energy, intensity
    lines = white_lines(row.absorber, row.edge)
    if lines is not None:
        try:
            return around_edges(energy, intensity, lines)
        except InputError:
            return None
    try:
        done = normalise(row)
    except InputError:
        return None
    return done.energy, done.intensity


def usable(curve: Curve) -> bool:
    """Whether anything can be told from a curve at all."""
    energy, intensity = curve
    return energy.size >= 8 and bool(np.ptp(intensity) > 0)


def whole_valences(valence: float | None) -> dict[int | None, float]:
    """Whole valences of a site and their shares: 3.5 is half 3, half 4."""
    if valence is None:
        return {None: 1.0}
    low = floor(valence)
    part = valence - low
    return {low: 1.0 - part, low + 1: part} if part else {low: 1.0}


def main_valence(valence: float | None) -> int | None:
    """The whole valence that a site is mostly of; of 3.5 the lower."""
    of = whole_valences(valence)
    return max(of, key=lambda whole: of[whole])
