"""What stands behind a match: overlays, peak lists, mixtures. Nothing is stored."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from compute.errors import InputError
from compute.matching import Match as Found
from compute.matching import Overlay, features, pair_features
from compute.matching.region import edge_region
from spectradb.models import Spectrum
from spectradb.services.matching.groups import Group, groups
from spectradb.services.matching.index import library_of
from spectradb.services.matching.match import Candidate, checked_query, match_curve
from spectradb.services.matching.options import MatchOptions

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class MixtureComponent:
    """One spectrum of a mixture; shares and scales with their standard errors."""

    spectrum_id: int
    structure_id: int | None
    source_id: str | None
    formula: str
    oxidation_state: float | None
    share: float
    share_err: float
    scale: float
    scale_err: float


@dataclass(frozen=True)
class MixtureAnswer:
    """The best non-negative combination of up to three spectra of one edge.

    ``log_evidence_gain`` tells, for each size tried, what the last component gained beyond its
    cost (the first over an unrelated spectrum); a component that gains nothing is left out.
    """

    absorber: str
    edge: str
    kind: str
    components: list[MixtureComponent]
    shift_ev: float
    sigma_ev: float
    gamma_ev: float
    r_squared: float
    misfit: float
    log_evidence_gain: list[float]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def overlay(
    energy_ev: FloatArray, intensity: FloatArray, options: MatchOptions, candidate: Candidate
) -> Overlay:
    """A candidate of `match_curve` laid over the same query: arrays (n,) in the query's units.

    Raises
    ------
    InputError
        As `match_curve`.
    """
    energy, values = checked_query(energy_ev, intensity, options)
    group = Group(candidate.absorber, candidate.edge, candidate.kind)
    library = library_of(group)
    e, v = edge_region(
        energy, values, group.absorber, group.edge, library.grid, options.max_shift_ev
    )
    shared = {f: getattr(candidate, f) for f in Found.__dataclass_fields__ if hasattr(candidate, f)}
    return library.overlay(e, v, Found(**shared, at_shift_limit=False))


def peak_list(laid: Overlay) -> list[dict[str, float | None]]:
    """Peaks and shoulders of the query beside the candidate's, by energy; heights of the range."""
    noise = float(np.std(np.diff(laid.residual, 2)) / np.sqrt(6.0))
    pairs = pair_features(
        features(laid.energy_ev, laid.query - laid.background, noise),
        features(laid.energy_ev, laid.fit - laid.background),
    )
    return [
        {
            "query_ev": p.measured.energy_ev if p.measured else None,
            "candidate_ev": p.candidate.energy_ev if p.candidate else None,
            "difference_ev": p.difference_ev,
            "query_height": p.measured.height if p.measured else None,
            "candidate_height": p.candidate.height if p.candidate else None,
        }
        for p in pairs
    ]


def mixture(
    energy_ev: FloatArray,
    intensity: FloatArray,
    options: MatchOptions,
    *,
    max_components: int = 3,
    within: QuerySet[Spectrum] | None = None,
    without: int | None = None,
) -> MixtureAnswer:
    """The best combination of up to three spectra of one edge; candidates as of `match_curve`.

    Without ``options.absorber`` the edge of the best single candidate is taken.

    Raises
    ------
    InputError
        As `match_curve`.
    """
    options = options.checked()
    energy, values = checked_query(energy_ev, intensity, options)
    group = _group(energy, values, options, within, without)
    library = library_of(group)
    e, v = edge_region(
        energy, values, group.absorber, group.edge, library.grid, options.max_shift_ev
    )
    public = set(group.rows().values_list("pk", flat=True))
    if within is not None:
        public &= set(within.values_list("pk", flat=True))
    among = [pk for pk in library.ids if pk in public and pk != without]
    found = library.mix(e, v, max_components, max_shift_ev=options.max_shift_ev, among=among)
    rows = (
        Spectrum.objects.without_arrays()
        .select_related("structure", "site")
        .in_bulk([c.spectrum_id for c in found.components])
    )
    components = []
    for one in found.components:
        row = rows[one.spectrum_id]
        components.append(
            MixtureComponent(
                spectrum_id=row.pk,
                structure_id=row.structure_id,
                source_id=row.structure.source_id if row.structure else None,
                formula=row.formula,
                oxidation_state=row.site.oxidation_state if row.site else None,
                share=one.share,
                share_err=one.share_err,
                scale=one.scale,
                scale_err=one.scale_err,
            )
        )
    return MixtureAnswer(
        group.absorber, group.edge, group.kind, components, found.shift_ev, found.sigma_ev,
        found.gamma_ev, found.r_squared, found.misfit, [float(g) for g in found.log_evidence_gain],
    )  # fmt: skip


def _group(
    energy: FloatArray,
    values: FloatArray,
    options: MatchOptions,
    within: QuerySet[Spectrum] | None,
    without: int | None,
) -> Group:
    """The one group that the options name, or that of the best candidate."""
    named = groups(absorber=options.absorber, edge=options.edge, kind=options.kind)
    if len(named) == 1:
        return named[0][0]
    if not named:
        raise InputError("absorber", options.absorber, "has no published spectrum to match")
    of_all = replace(options, energy_range=None, top=1)
    best = match_curve(energy, values, of_all, within=within, without=without)
    first = best.matches[0]
    return Group(first.absorber, first.edge, first.kind)
