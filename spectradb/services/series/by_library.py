"""Maps of valence and compound: every spectrum of a series matched against the library.

Each is answered as :func:`spectradb.services.matching.match.match_curve` answers, by the same
libraries, calibration and weights.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.matching.many import Answered, Many, Saved
from compute.series.alike import Alike
from compute.series.noise import noise_of
from spectradb.models import Series, Spectrum
from spectradb.services.matching.groups import Group, whole_valences
from spectradb.services.matching.holdings import thin_in_words
from spectradb.services.matching.index import read_stamp, refresh
from spectradb.services.matching.joining import seen_of, weighed
from spectradb.services.matching.levels import DECIDED, Seen, values_of
from spectradb.services.matching.match import searched_groups
from spectradb.services.matching.options import MAX_SHIFT_EV, MatchOptions
from spectradb.services.series.source import Source
from spectradb.services.series.writing import Asked, Parts, Progress, provenance

Floats = NDArray[np.float64]

SMOOTH = ("alike", "none")
_PART = 512  # spectra between two marks of a restart: some ten seconds
_SAMPLE = 2000


@dataclass(frozen=True)
class _Libraries:
    """What is asked, opened once for all spectra.

    Attributes
    ----------
    seen : what levels need of each candidate, by its number; probabilities are 1
    valences, compounds : names, in the order of their maps and indexes
    """

    groups: list[Group]
    saved: list[Saved]
    seen: Mapping[int, Seen]
    valences: list[str]
    compounds: list[str]


def by_library(row: Series, source: Source, asked: Asked, output: Path) -> Iterator[Progress]:
    """Probabilities of each valence, the likeliest compound, and none of these.

    Raises
    ------
    InputError
        A way of smoothing that is none, or no library in the range of the series.
    """
    if asked.smooth not in SMOOTH:
        raise InputError("smooth", asked.smooth, f"is one of {', '.join(SMOOTH)}")
    sample = source.sample(_SAMPLE)
    noise = noise_of(sample, source.noise(asked.noise), np.nanmean(sample, axis=0)[None])
    alike = Alike.judged(sample, noise) if asked.smooth == "alike" else None
    with tempfile.TemporaryDirectory(prefix="spectradb-libraries-") as place:
        libraries = _libraries(row, source.energy_ev, Path(place))
        stamps = [read_stamp(group) for group in libraries.groups]
        parts = Parts(asked.key(row, [*source.digests, *stamps]), row.n_spectra)
        warnings = list(source.warnings)
        left = row.n_spectra - parts.done
        with Many(libraries.saved, source.energy_ev, MAX_SHIFT_EV, left) as many:
            for start in range(parts.done, row.n_spectra, _PART):
                stop = min(start + _PART, row.n_spectra)
                rows, numbers = source.told(start, stop)
                if alike is not None:
                    rows, pooled = alike.pooled(source, start, stop)
                    numbers = {**numbers, "pooled": pooled}
                parts.put(
                    {**numbers, **_maps(libraries, many.of(np.asarray(rows, float)), stop - start)}
                )
                yield Progress(parts.done, row.n_spectra, warnings)
        warnings += [told for group in libraries.groups for told in thin_in_words(group)]
        silent = int(np.isnan(parts.whole("none_of_these")).sum())
        if silent:
            warnings.append(f"{silent} spectra have no answer: noise or gaps hide whatever edge")
        kept = np.unique(parts.whole("likeliest/compound_index"))
        names = [libraries.compounds[int(i)] for i in kept if np.isfinite(i)]
        index = np.searchsorted(kept[np.isfinite(kept)], parts.whole("likeliest/compound_index"))
        index = np.where(np.isfinite(parts.whole("likeliest/compound_index")), index, np.nan)
        told = provenance(row, source, asked) | {
            "names": libraries.valences, "noise": noise.kind, "libraries": stamps,
            "warnings": warnings,
        }  # fmt: skip
        parts.finish(
            output, source, source.energy_ev, np.empty((0, source.n_channels)), told,
            {"likeliest/compound_index": np.asarray(index, float)},
            {"likeliest/compounds": names},
        )  # fmt: skip
    yield Progress(row.n_spectra, row.n_spectra, warnings)


def _libraries(row: Series, energy: Floats, place: Path) -> _Libraries:
    options = MatchOptions(absorber=row.absorber or None, edge=row.edge or None)
    found, saved, numbers = [], [], set()
    for group in searched_groups(energy, options):
        try:
            library = refresh(group)
        except InputError:  # nothing in it can be matched
            continue
        path = place / group.path.name
        library.save(path)
        found.append(group)
        saved.append(Saved(path, group.absorber, group.edge))
        numbers |= {int(str(pk)) for pk in library.ids}
    if not saved:
        raise InputError(
            "method", "library",
            f"no published spectrum of {row.absorber or 'any element'} {row.edge} overlaps "
            f"{energy[0]:.1f} to {energy[-1]:.1f} eV enough",
        )  # fmt: skip
    rows = Spectrum.objects.without_arrays().select_related("site").in_bulk(list(numbers))
    seen = {pk: seen_of(1.0, one.absorber, one) for pk, one in rows.items()}
    valences = sorted({name for one in seen.values() for name in values_of(one, "valence")})
    compounds = sorted({one.formula for one in seen.values()})
    return _Libraries(found, saved, seen, valences, compounds)


def _maps(
    libraries: _Libraries, answers: Iterable[list[Answered]], n: int
) -> dict[str, Floats]:  # fmt: skip
    """Numbers of each spectrum (n,), NaN where no library says anything."""
    valence = np.full((n, len(libraries.valences)), np.nan)
    place = {name: j for j, name in enumerate(libraries.valences)}
    compound = {name: j for j, name in enumerate(libraries.compounds)}
    single = {
        name: np.full(n, np.nan)
        for name in (
            "none_of_these", "shift", "likeliest/valence", "likeliest/valence_probability",
            "likeliest/compound_index", "likeliest/compound_probability",
        )
    }  # fmt: skip
    for i, of_spectrum in enumerate(answers):
        answered = [
            (group, one.result, one.smooth)
            for group, one in zip(libraries.groups, of_spectrum, strict=True)
            if one.result is not None
        ]
        if not answered:
            continue
        joined = weighed(answered)
        by_compound: defaultdict[str, float] = defaultdict(float)
        by_state: defaultdict[int, float] = defaultdict(float)
        valence[i] = 0.0
        pooled = joined.pooled()
        for match, probability, _ in pooled:
            one = libraries.seen[int(str(match.spectrum_id))]
            for name, share in values_of(one, "valence").items():
                valence[i, place[name]] += share * probability
            by_compound[one.formula] += probability
            for whole, share in whole_valences(one.oxidation_state).items():
                if whole is not None:
                    by_state[whole] += share * probability
        single["none_of_these"][i] = joined.none_of_these
        single["shift"][i] = pooled[0][0].shift_ev
        if joined.none_of_these >= DECIDED:
            continue
        formula = max(by_compound, key=lambda one: by_compound[one])
        single["likeliest/compound_index"][i] = compound[formula]
        single["likeliest/compound_probability"][i] = by_compound[formula]
        if by_state:
            state = max(by_state, key=lambda one: by_state[one])
            single["likeliest/valence"][i] = state
            single["likeliest/valence_probability"][i] = by_state[state]
    values = {f"components/{name}/value": valence[:, j] for name, j in place.items()}
    return values | single
