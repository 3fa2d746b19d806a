"""Matches that are kept: of a stored spectrum, or of an uploaded file for a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError, ReadError, SkipFile
from compute.matching import Overlay
from compute.matching.region import edge_region
from spectradb.filters import EVERYTHING, apply_where
from spectradb.models import Match, MatchRun, Spectrum, Upload
from spectradb.services.imports.at_hand import curve_of
from spectradb.services.matching.details import MixtureAnswer, mixture, overlay
from spectradb.services.matching.groups import Group, groups
from spectradb.services.matching.index import IndexState, ask_for_refresh, library_of, state_of
from spectradb.services.matching.match import (
    Answer,
    checked_query,
    match_curve,
    searched_groups,
)
from spectradb.services.matching.options import MatchOptions
from spectradb.services.queue import jobs

if TYPE_CHECKING:
    from django.contrib.auth.models import User

FloatArray = NDArray[np.float64]
Where = Mapping[str, list[str]]

FILTERS = (
    "oxidation_state",
    "coordination_number",
    "ligands",
    "elements",
    "only_elements",
    "formula",
    "hypothetical",
)
"""Keys of the search language that narrow a match."""
_LONGEST = 2_000  # points of the measured curve that are kept for drawing
_AT_ONCE = 50  # spectra indexed while somebody waits


@dataclass(frozen=True)
class Request:
    """What is searched: options of the match, filters of the search language, part of a file."""

    options: MatchOptions = field(default_factory=MatchOptions)
    where: Where = field(default_factory=dict)
    part: int = 0

    def as_json(self) -> dict[str, Any]:
        return {**self.options.as_json(), "where": dict(self.where), "part": self.part}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Request:
        rest = dict(values)
        where, part = rest.pop("where", {}), rest.pop("part", 0)
        return cls(MatchOptions.from_json(rest), where, part)


def default_request(absorber: str, edge: str, part: int = 0) -> Request:
    """Search the spectra of this edge where there are any, else everything in range."""
    if absorber and edge and groups(absorber=absorber, edge=edge):
        return Request(MatchOptions(absorber=absorber, edge=edge), part=part)
    return Request(part=part)


def match_now(
    query: Spectrum | Upload,
    request: Request | None = None,
    *,
    requested_by: User | None = None,
) -> MatchRun:
    """A match done at once, or queued if one of its libraries was never indexed.

    An index that is behind the database answers as it is, and the workers are told to bring it up
    to date.
    """
    run = _new_run(query, request, requested_by)
    if sum(group.rows().count() for group in missing_indexes(run)) > _AT_ONCE:
        jobs.enqueue(MatchRun, [run.pk])
    else:
        run_match(run.pk)
    run.refresh_from_db()
    return run


def missing_indexes(run: MatchRun) -> list[Group]:
    """Groups that a run will search and that were never indexed."""
    try:
        energy, _ = query_curve(run)
    except (InputError, ReadError, SkipFile):
        return []  # told when the run is done
    options = Request.from_json(run.options).options
    return [
        group for group in searched_groups(energy, options) if state_of(group) is IndexState.MISSING
    ]


def run_match(pk: int) -> bool:
    """Do one queued match."""
    return jobs.run(MatchRun, pk, _work, _keep)


def query_curve(run: MatchRun) -> tuple[FloatArray, FloatArray]:
    """The whole curve that a run asks about: eV and intensity, both (n,).

    Raises
    ------
    InputError, ReadError, SkipFile
        If the file no longer says what it said.
    """
    if run.query is not None:
        return np.asarray(run.query.energy), np.asarray(run.query.intensity)
    assert run.upload is not None  # one of the two, says the table
    return curve_of(run.upload, Request.from_json(run.options).part)


@dataclass(frozen=True)
class _Found:
    answer: Answer
    overlays: list[FloatArray]
    measured: FloatArray  # (2, n), what was compared with the leading library
    mixture: MixtureAnswer | None
    behind: list[Group]  # whose indexes lack what was published last


def _new_run(
    query: Spectrum | Upload, request: Request | None, requested_by: User | None
) -> MatchRun:
    if isinstance(query, Spectrum):
        target: dict[str, Any] = {"query": query}
        request = request or default_request(query.absorber, query.edge)
    else:
        target = {"upload": query}
        if request is None:
            part = query.told["parts"][0]
            request = default_request(part["element"], part["edge"])
    return MatchRun.objects.create(**target, options=request.as_json(), requested_by=requested_by)


def _work(run: MatchRun) -> _Found:
    request = Request.from_json(run.options)
    options = request.options
    energy, values = query_curve(run)
    within = apply_where(Spectrum, request.where, EVERYTHING) if request.where else None
    answer = match_curve(energy, values, options, within=within, without=run.query_id)
    overlays = [_array(overlay(energy, values, options, one)) for one in answer.matches]
    lead = answer.matches[0]
    group = Group(lead.absorber, lead.edge, lead.kind)
    checked = checked_query(energy, values, options)
    measured = np.array(
        edge_region(
            *checked, group.absorber, group.edge, library_of(group).grid, options.max_shift_ev
        )
    )
    mixed = None
    if answer.n_library >= 3:
        of_edge = replace(options, absorber=lead.absorber, edge=lead.edge, kind=lead.kind)
        mixed = mixture(energy, values, of_edge, within=within, without=run.query_id)
    step = max(1, -(-measured.shape[1] // _LONGEST))
    searched = searched_groups(checked[0], options)
    behind = [group for group in searched if state_of(group) is IndexState.STALE]
    return _Found(answer, overlays, np.ascontiguousarray(measured[:, ::step]), mixed, behind)


def _array(laid: Overlay) -> FloatArray:
    """(4, n): eV, query, candidate laid over it, σ of theory."""
    return np.array([laid.energy_ev, laid.query, laid.fit, laid.sigma])


def _keep(run: MatchRun, found: _Found) -> None:
    """Store the answer; probabilities only where enough known pairs stand behind them."""
    answer = found.answer
    run.none_of_these = answer.none_of_these if answer.calibrated else None
    run.n_library = answer.n_library
    run.n_calibration_pairs = answer.n_calibration_pairs
    run.curve = found.measured
    run.details = {
        "range_ev": list(answer.range_ev),
        "warnings": answer.warnings,
        "p_value": answer.p_value,
        "calibrated": answer.calibrated,
        # Of all that were compared, not only of those kept.
        "valences": [asdict(one) for one in answer.valences],
        "edges": [asdict(one) for one in answer.edges],
        "compounds": [asdict(one) for one in answer.compounds],
        "levels": [asdict(one) for one in answer.levels],
        "alternatives": [asdict(one) for one in answer.alternatives],
        "told": answer.told,
        "mixture": None if found.mixture is None else found.mixture.as_json(),
        "behind": [f"{group.absorber} {group.edge}" for group in found.behind],
    }
    ask_for_refresh(found.behind)
    run.save(
        update_fields=["none_of_these", "n_library", "n_calibration_pairs", "curve", "details"]
    )
    run.matches.all().delete()
    Match.objects.bulk_create(
        Match(
            run=run,
            candidate_id=one.spectrum_id,
            rank=rank,
            score=one.score,
            probability=one.probability if answer.calibrated else None,
            shift_ev=one.shift_ev,
            scale=one.scale,
            sigma_ev=one.sigma_ev,
            gamma_ev=one.gamma_ev,
            r_squared=one.r_squared,
            overlay=overlay,
        )
        for rank, (one, overlay) in enumerate(zip(answer.matches, found.overlays, strict=True), 1)
    )
