"""Match a spectrum against the published library."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.io import ColumnChoice, RawSpectrum, read
from compute.isolation import apart
from compute.matching import AlternativeShare, MatchResult
from compute.matching import Match as Found
from compute.matching.grid import MIN_POINTS, checked_curve
from compute.matching.region import edge_region, smooth_share
from compute.matching.search import EXACT, SHORTLIST
from compute.matching.second_edge import with_second_edge
from compute.spikes import bridged, spikes
from spectradb.models import Spectrum
from spectradb.services.matching.groups import Group, groups, whole_valences
from spectradb.services.matching.holdings import thin_in_words
from spectradb.services.matching.index import library_of
from spectradb.services.matching.joining import Weighed, seen_of, weighed
from spectradb.services.matching.levels import (
    DECIDED,
    CompoundShare,
    Level,
    Seen,
    compounds_of,
    in_words,
    levels_of,
)
from spectradb.services.matching.options import MatchOptions
from spectradb.services.matching.overlaps import overlaps_in_words

if TYPE_CHECKING:
    from django.db.models import QuerySet

FloatArray = NDArray[np.float64]

_OVERLAP = 0.5  # of a library's range that the query has to cover
_SURELY_KEV = 10.0  # no spectrum in eV ends below
_SAME_EDGE_EV, _EXPLAINED = 20.0, 0.8  # L3 so near are one edge; of the variance of another
_NAMED = 0.1  # of a candidate whose elements count when edges may overlap; convention


@dataclass(frozen=True)
class Candidate:
    """One candidate with its place in the database."""

    spectrum_id: int
    structure_id: int | None
    source_id: str | None
    formula: str
    absorber: str
    edge: str
    kind: str
    oxidation_state: float | None
    score: float
    probability: float
    shift_ev: float
    scale: float
    sigma_ev: float
    gamma_ev: float
    r_squared: float


@dataclass(frozen=True)
class ValenceShare:
    """Probability of an absorber's oxidation state, summed over all candidates of it.

    A site of mixed valence counts for both its whole neighbours; None where it is not known.
    """

    absorber: str
    oxidation_state: int | None
    probability: float


@dataclass(frozen=True)
class EdgeShare:
    """Probability of an element's edge, summed over all candidates of it."""

    absorber: str
    edge: str
    probability: float


@dataclass(frozen=True)
class Answer:
    """Candidates, best first, over all libraries searched.

    ``valences``, ``edges`` and ``compounds``, likeliest first, sum over all candidates compared,
    not only those listed; with ``none_of_these`` each comes to 1, but for candidates too poor to be
    compared. ``levels`` tells what is decided from element to compound, ``told`` says it in a
    sentence. ``alternatives`` are the named parts of ``none_of_these``.
    ``calibrated`` only if every library in which candidates were found is.
    """

    matches: list[Candidate]
    valences: list[ValenceShare]
    edges: list[EdgeShare]
    compounds: list[CompoundShare]
    levels: list[Level]
    alternatives: list[AlternativeShare]
    told: str
    none_of_these: float
    calibrated: bool
    n_calibration_pairs: int
    n_library: int
    p_value: float
    range_ev: tuple[float, float]
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def curve_of_file(path: Path, options: MatchOptions) -> tuple[FloatArray, FloatArray, MatchOptions]:
    """Energy (n,) in eV and intensity (n,) of the first sample spectrum, and completed options.

    Raises
    ------
    ReadError, SkipFile, InputError
        As `sample_of_file`.
    """
    raw = sample_of_file(path)
    return raw.energy_ev, raw.intensity, completed(options, raw)


def sample_of_file(path: Path, columns: ColumnChoice | None = None) -> RawSpectrum:
    """The first sample spectrum of a file.

    ``columns`` says what the columns hold where the file leaves it open.

    Raises
    ------
    ReadError, SkipFile
        If the file cannot be read, or holds no spectrum.
    InputError
        If no spectrum in it has an energy axis.
    """
    raws = apart(read, path, columns=columns)
    raws = [raw for raw in raws if raw.role != "reference" and raw.axis_unit == "eV"]
    if not raws:
        raise InputError("file", str(path), "holds no spectrum on an energy axis")
    return raws[0]


def match_curve(
    energy_ev: FloatArray,
    intensity: FloatArray,
    options: MatchOptions,
    *,
    within: QuerySet[Spectrum] | None = None,
    without: int | None = None,
) -> Answer:
    """Match a curve (n,) in eV.

    Parameters
    ----------
    within
        Only these rows are candidates (a search of the site).
    without
        A row that is no candidate: the query itself.

    Raises
    ------
    InputError
        Bad options or data, or no library in the query's range.
    """
    if not 1 <= options.top <= SHORTLIST:
        raise InputError("top", options.top, f"must be 1 to {SHORTLIST}")
    options = options.checked()
    energy, values = _asked_part(energy_ev, intensity, options)
    single = spikes(values)
    values = bridged(values, single)
    wanted = None if within is None else set(within.values_list("pk", flat=True))
    answered: list[tuple[Group, MatchResult, float]] = []
    reasons: list[str] = []
    for group in searched_groups(energy, options):
        try:
            result = _in_group(group, energy, values, options, wanted, without)
        except InputError as error:
            reasons.append(f"{group.absorber} {group.edge}: {error}")
            continue
        if result is not None:
            answered.append((group, *result))
    if not answered:
        where = f"{energy[0]:.1f} to {energy[-1]:.1f} eV"
        told = "; ".join(reasons) or _out_of_reach(energy, options)
        raise InputError("energy_ev", where, told)
    answer = _joined(weighed(answered), options, (float(energy[0]), float(energy[-1])))
    return replace(answer, warnings=[*_of_spikes(energy[single]), *answer.warnings])


def _of_spikes(energy: FloatArray) -> list[str]:
    """What is said of points that were left out, at energies (k,)."""
    if energy.size == 0:
        return []
    places = ", ".join(f"{one:.2f}" for one in energy[:5])
    more = "" if energy.size <= 5 else f" and {energy.size - 5} more"
    return [f"Single points that no spectrum has were left out, at {places}{more} eV."]


def searched_groups(energy: FloatArray, options: MatchOptions) -> list[Group]:
    """The groups that options name and of whose range a query on ``energy`` (n,) covers enough."""
    low_ev, high_ev = float(energy.min()), float(energy.max())
    return [
        group
        for group, low, high in groups(
            absorber=options.absorber, edge=options.edge, kind=options.kind
        )
        if min(high_ev, high) - max(low_ev, low) >= _OVERLAP * (high - low)
    ]


def _out_of_reach(energy: FloatArray, options: MatchOptions) -> str:
    """Why no library was asked, with what would have to be covered."""
    there = groups(absorber=options.absorber, edge=options.edge, kind=options.kind)
    if not there:
        named = " ".join(x for x in (options.absorber, options.edge, options.kind) if x)
        return f"there is no published spectrum {f'of {named}' if named else 'yet'}"
    if searched_groups(energy, options):
        return "no published spectrum that overlaps it is among those to be searched"
    low, high = min(low for _, low, _ in there), max(high for _, _, high in there)
    touched = [
        f"{group.absorber} {group.edge} ({start:.0f} to {stop:.0f} eV)"
        for group, start, stop in there
        if energy[0] < stop and start < energy[-1]
    ]
    if touched:
        told = f"it covers too little of {', '.join(touched[:3])}: half is needed"
    else:
        told = (
            f"no published spectrum overlaps it enough; those of {len(there)} edges lie between "
            f"{low:.0f} and {high:.0f} eV"
        )
    if energy[-1] < _SURELY_KEV and searched_groups(1000.0 * energy, options):
        told += "; are the energies in keV?"
    return told


def checked_query(
    energy_ev: FloatArray, intensity: FloatArray, options: MatchOptions
) -> tuple[FloatArray, FloatArray]:
    """A curve (n,) in ascending energy, cut to the range asked for, lone points bridged.

    Raises
    ------
    InputError
        Too few points (in the range), NaN, constant data.
    """
    energy, values = _asked_part(energy_ev, intensity, options)
    return energy, bridged(values, spikes(values))


def _asked_part(
    energy_ev: FloatArray, intensity: FloatArray, options: MatchOptions
) -> tuple[FloatArray, FloatArray]:
    energy, values = checked_curve(energy_ev, intensity)
    if options.energy_range is not None:
        low, high = options.energy_range
        inside = (energy >= low) & (energy <= high)
        if int(inside.sum()) < MIN_POINTS:
            raise InputError("range", options.energy_range, "holds fewer than 8 points")
        energy, values = energy[inside], values[inside]
    return energy, values


def _in_group(
    group: Group,
    energy: FloatArray,
    values: FloatArray,
    options: MatchOptions,
    wanted: set[int] | None,
    without: int | None,
) -> tuple[MatchResult, float] | None:
    """What one library answers, and how much of what it was asked a smooth curve explains."""
    library = library_of(group)
    # An index may be older than the last withdrawal.
    public = set(group.rows().values_list("pk", flat=True))
    if wanted is not None:
        public &= wanted
    allowed = [pk for pk in library.ids if pk in public and pk != without]
    if not allowed:
        return None
    among = None if len(allowed) == len(library) else allowed
    e, v = edge_region(
        energy, values, group.absorber, group.edge, library.grid, options.max_shift_ev
    )
    # Of all that are compared: valences and edges sum over them.
    result = library.match(
        e, v, top=None, least=max(options.top, EXACT), max_shift_ev=options.max_shift_ev,
        among=among,
    )  # fmt: skip
    result = with_second_edge(result, library, e, v, group.absorber, group.edge)
    return result, smooth_share(e, v)


def _joined(answers: Weighed, options: MatchOptions, range_ev: tuple[float, float]) -> Answer:
    """One list from several libraries."""
    found, weight = answers.found, answers.weight
    pooled = answers.pooled()
    numbers = [int(str(m.spectrum_id)) for m, _, _ in pooled]
    sites = Spectrum.objects.without_arrays().select_related("site").in_bulk(numbers)
    valences, edges, seen = _summed(pooled, sites)
    levels, none_of_these = levels_of(seen), answers.none_of_these
    alternatives = _alternatives(found, weight.tolist())
    pooled = pooled[: options.top]
    rows = (
        Spectrum.objects.without_arrays()
        .select_related("structure", "site")
        .in_bulk([m.spectrum_id for m, _, _ in pooled])
    )
    matches = [_candidate(m, p, group, rows[m.spectrum_id]) for m, p, group in pooled]
    named = [rows[m.spectrum_id] for m, p, _ in pooled if p >= _NAMED]
    leader, leading = found[int(np.argmax(weight))]
    used = [result for w, (_, result) in zip(weight, found, strict=True) if w > 0.01]
    no_edge = "No edge is seen: a smooth background explains more than any candidate."
    warnings = [
        *leading.warnings,
        *_other_edges(leader, found),
        *overlaps_in_words(leader, leading.matches[0].shift_ev, (row.formula for row in named)),
        *thin_in_words(leader),
    ]
    return Answer(
        matches=matches,
        valences=valences,
        edges=edges,
        compounds=compounds_of(seen),
        levels=levels,
        alternatives=alternatives,
        told=in_words(levels, alternatives, none_of_these),
        none_of_these=none_of_these,
        calibrated=all(result.calibrated for result in used),
        n_calibration_pairs=leading.n_calibration_pairs,
        n_library=sum(result.n_library for _, result in found),
        p_value=leading.p_value,
        range_ev=range_ev,
        warnings=warnings if answers.seen else [no_edge, *leading.warnings],
    )


def _other_edges(leader: Group, found: list[tuple[Group, MatchResult]]) -> list[str]:
    """A sentence of each other 3d L2,3 edge of the scan that a library explains by itself.

    Answers are alternatives: without it, of a scan over two edges one would be told alone.
    """
    told = []
    for group, result in found:
        best = result.matches[0]
        apart = (
            group.lines is not None
            and leader.lines is not None
            and abs(group.lines.l3_ev - leader.lines.l3_ev) > _SAME_EDGE_EV
        )
        near = abs(best.shift_ev) < _SAME_EDGE_EV / 10 and best.r_squared > _EXPLAINED
        if apart and near and result.none_of_these < DECIDED and group.kind == leader.kind:
            told.append(
                f"An edge of {group.absorber} is in the scan, too: match it with {group.absorber} "
                "named."
            )
    return told


def _alternatives(
    found: list[tuple[Group, MatchResult]], weight: list[float]
) -> list[AlternativeShare]:
    """Those of all libraries, each as far as its library counts, likeliest first."""
    shares = [
        replace(one, probability=w * one.probability)
        for w, (_, result) in zip(weight, found, strict=True)
        for one in result.alternatives
    ]
    return sorted(shares, key=lambda one: -one.probability)


def _summed(
    pooled: list[tuple[Found, float, Group]], rows: Mapping[int, Spectrum]
) -> tuple[list[ValenceShare], list[EdgeShare], list[Seen]]:
    """Probabilities by oxidation state and by edge, likeliest first, and what levels sum over."""
    seen = []
    by_valence: defaultdict[tuple[str, int | None], float] = defaultdict(float)
    by_edge: defaultdict[tuple[str, str], float] = defaultdict(float)
    for found, probability, group in pooled:
        by_edge[group.absorber, group.edge] += probability
        one = seen_of(probability, group.absorber, rows[int(str(found.spectrum_id))])
        seen.append(one)
        for valence, share in whole_valences(one.oxidation_state).items():
            by_valence[group.absorber, valence] += share * probability
    return (
        sorted((ValenceShare(*k, p) for k, p in by_valence.items()), key=lambda v: -v.probability),
        sorted((EdgeShare(*k, p) for k, p in by_edge.items()), key=lambda e: -e.probability),
        seen,
    )


def _candidate(found: Found, probability: float, group: Group, row: Spectrum) -> Candidate:
    return Candidate(
        spectrum_id=row.pk,
        structure_id=row.structure_id,
        source_id=row.structure.source_id if row.structure else None,
        formula=row.formula,
        absorber=group.absorber,
        edge=group.edge,
        kind=group.kind,
        oxidation_state=row.site.oxidation_state if row.site else None,
        score=found.score,
        probability=probability,
        shift_ev=found.shift_ev,
        scale=found.scale,
        sigma_ev=found.sigma_ev,
        gamma_ev=found.gamma_ev,
        r_squared=found.r_squared,
    )


def completed(options: MatchOptions, raw: RawSpectrum) -> MatchOptions:
    """Element and edge from the file where the caller does not say them and a library has them."""
    if options.absorber or options.edge or not raw.element:
        return options
    told = replace(options, absorber=raw.element, edge=raw.edge)
    return told if groups(absorber=raw.element, edge=raw.edge) else options


# --- stored queries ---------------------------------------------------------------------------


def curve_of_row(
    row: Spectrum, options: MatchOptions
) -> tuple[FloatArray, FloatArray, MatchOptions]:
    """The curve of a stored spectrum, and options completed by its element and edge."""
    if not options.absorber and row.absorber:
        options = replace(options, absorber=row.absorber, edge=options.edge or row.edge)
    return np.asarray(row.energy), np.asarray(row.intensity), options
