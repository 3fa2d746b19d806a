"""What a library of the site expects of measured spectra, and the pairs that teach it more."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from compute.matching import (
    AlignmentPrior,
    Calibration,
    Discrepancy,
    Expected,
    KnownPair,
    SpectrumLibrary,
    calibrate_together,
)
from compute.matching.calibration import MAX_LESSONS, at_most
from compute.matching.l23 import alternatives
from compute.matching.storage import calibration_from, calibration_json
from compute.matching.version import VERSION as MATCHING
from compute.normalise.version import VERSION as NORMALISE
from ml.files import whole_or_not
from spectradb.models import Kind, Spectrum
from spectradb.services.matching.commonness import VERSION as COMMONNESS
from spectradb.services.matching.commonness import (
    Substance,
    lacks_hydrogen,
    substance_weight,
    valence_weight,
)
from spectradb.services.matching.groups import (
    Group,
    main_valence,
    prepared,
    usable,
    whole_valences,
)

# What computed soft X-ray edges miss measured ones by, where no measured spectra have taught it:
# what ``python -m tests.benchmarks.measured_matching --teach`` finds before shifts and sizes are
# refined, rounded. Residuals of a calculation are alike over some 0.7 eV, about a peak's width.
THEORY_ERROR = Discrepancy(
    warp_ev=0.24, warp_length_ev=10.0, area=0.03, area_length_ev=15.0, step=0.55,
    smooth=0.16, smooth_length_ev=0.7, floor=0.01, freedom=10.0, bow=0.3,
)  # fmt: skip
# Errors of a route's spectra over those expected of theory: of the positions of features, mean
# absolute, in docs/measurements/cheap.md and cluster.md.
ROUTE_ERROR = {"cheap": 1.0, "cluster": 0.9}
# Measured against measured: the same substance on two instruments.
EXPERIMENT_ERROR = Discrepancy(
    warp_ev=0.1, warp_length_ev=8.0, area=0.05, area_length_ev=10.0, step=0.2,
    smooth=0.05, smooth_length_ev=1.2, floor=0.02,
)  # fmt: skip
# Energy scales of two instruments differ by half an eV, seldom by more than one.
INSTRUMENT_SHIFT_EV = 0.5
_INDEPENDENT_SHARE = 0.4  # of the evidence, below 10 known pairs: what those spectra bear out
EXPECTED = Expected(
    THEORY_ERROR, AlignmentPrior(0.0, INSTRUMENT_SHIFT_EV), _INDEPENDENT_SHARE, firm=True
)
# What measured spectra taught about this very library, shipped with the program; see its "told".
SHIPPED = Path(__file__).with_name("shipped.json")


@dataclass(frozen=True)
class Expectations:
    """What is known of single spectra before looking, see `SpectrumLibrary.expect`."""

    shift_err_ev: dict[Hashable, float]
    weight: dict[Hashable, float]
    error: dict[Hashable, float]
    group: dict[Hashable, int]
    substance: dict[Hashable, int]


def assume(library: SpectrumLibrary, group: Group) -> Expected:
    """Give a library what is expected of it before any known pair; that is returned, too."""
    expected = EXPECTED
    if group.kind != Kind.THEORY:
        prior = AlignmentPrior(0.0, INSTRUMENT_SHIFT_EV)
        expected = Expected(EXPERIMENT_ERROR, prior, _INDEPENDENT_SHARE)
    else:
        library.expect(**vars(expectations(group, library)))
        if group.lines is not None:
            library.consider(alternatives(group.lines))
            if (shipped := shipped_calibration()) is not None:
                expected = replace(
                    expected,
                    discrepancy=shipped.discrepancy,
                    alignment=shipped.alignment,
                    posterior=shipped.posterior,
                )
    library.assume(
        expected.discrepancy, expected.alignment, evidence_share=expected.most_beta,
        posterior=expected.posterior, firm=expected.firm,
    )  # fmt: skip
    return expected


def teach(library: SpectrumLibrary, group: Group, others: Mapping[Group, SpectrumLibrary]) -> None:
    """Give a library its expectations, then known (experiment, theory) pairs.

    ``others`` are libraries of neighbouring edges: what theory misses by is learnt from the pairs
    of all, and refined by the library's own.
    """
    expected = assume(library, group)
    family = dict(sorted({group: library, **others}.items(), key=lambda one: one[0].path.name))
    numbers = {one: pair_numbers(one) for one in family}
    if any(numbers.values()):
        taught = {one: held for one, held in family.items() if numbers[one] or one == group}
        library.adopt(_learnt(taught, group, numbers, expected))
    _ = library.calibration  # worked out now, so that it is saved


def _learnt(
    libraries: Mapping[Group, SpectrumLibrary],
    group: Group,
    numbers: Mapping[Group, list[tuple[int, int]]],
    expected: Expected,
) -> Calibration:
    """What the pairs of all these teach the library of one group.

    What they teach the others is kept beside the libraries until those ask for it: a search for
    each of some hundred pairs in libraries of 70,000 spectra takes minutes.
    """
    told = [(one.path.name, held.ids, numbers[one]) for one, held in libraries.items()]
    shipped = SHIPPED.read_text(encoding="utf-8") if SHIPPED.exists() else ""
    said = json.dumps([MATCHING, NORMALISE, COMMONNESS, shipped, told])
    of = hashlib.sha256(said.encode()).hexdigest()
    kept = group.path.with_name(f".taught-{group.edge}-{group.kind}.json")
    if kept.exists():
        known = json.loads(kept.read_text(encoding="utf-8"))
        if known["of"] == of:
            return calibration_from(known[group.path.name])
    # More are not searched for, so that they are not read either.
    few = at_most(MAX_LESSONS, [numbers[one] for one in libraries])
    pairs = [
        (held, known_pairs(held, some)) for held, some in zip(libraries.values(), few, strict=True)
    ]
    found = dict(zip(libraries, calibrate_together(pairs, expected), strict=True))
    if numbers[group] and len(found) > 1:
        each = {one.path.name: calibration_json(value) for one, value in found.items()}
        with whole_or_not(kept) as part:
            part.write_text(json.dumps({"of": of, **each}), encoding="utf-8")
    return found[group]


def shipped_calibration() -> Calibration | None:
    """What measured spectra have taught, if the program brings it."""
    if not SHIPPED.exists():
        return None
    return calibration_from(json.loads(SHIPPED.read_text(encoding="utf-8"))["calibration"])


def pair_numbers(group: Group) -> list[tuple[int, int]]:
    """(experiment, theory) numbers of published measurements of a known site or structure.

    A structure with several computed sites does not say which one was measured: no pair, unless
    the measurement names its site.
    """
    if group.kind != Kind.THEORY:
        return []
    measured = Spectrum.objects.published().filter(
        absorber=group.absorber, edge=group.edge, kind=Kind.EXPERIMENT, structure__isnull=False
    )
    computed: dict[int, list[tuple[int, int | None]]] = {}
    theory = group.rows().filter(structure__isnull=False)
    for pk, structure, site in theory.values_list("pk", "structure_id", "site_id").order_by("pk"):
        computed.setdefault(structure or 0, []).append((pk, site))
    pairs = []
    for pk, structure, site in measured.values_list("pk", "structure_id", "site_id").order_by("pk"):
        options = computed.get(structure or 0, [])
        if site is not None:
            options = [one for one in options if one[1] == site]
        if len({at for _, at in options}) == 1:  # by two routes it is one substance still
            pairs.append((pk, options[0][0]))
    return pairs


def known_pairs(library: SpectrumLibrary, numbers: list[tuple[int, int]]) -> list[KnownPair]:
    """Pairs of those (experiment, theory) numbers that can be used."""
    rows = Spectrum.objects.in_bulk([number for pair in numbers for number in pair])
    known = []
    for experiment, theory in numbers:
        curve = prepared(rows[experiment])
        if curve is None or not usable(curve) or theory not in library:
            continue
        known.append(library.pair(*curve, ids=[theory]))
    return known


_Key = tuple[float | None, str]


class _Row(NamedTuple):
    """What is asked of a computed spectrum."""

    pk: int
    anchor: float | None
    valence: float | None
    ligands: str
    formula: str
    route: str
    hypothetical: bool | None
    told: list[dict[str, str]]

    @property
    def substance(self) -> _Key:
        return self.valence, self.formula

    @classmethod
    def of(cls, group: Group) -> Iterator[_Row]:
        rows = group.rows().values_list(
            "pk", "energy_offset_err", "site__oxidation_state", "site__ligands", "formula",
            "calculation__route", "structure__hypothetical", "structure__findings",
        )  # fmt: skip
        for pk, anchor, valence, ligands, formula, route, hypothetical, told in rows:
            yield cls(
                pk, anchor, valence, ligands or "", formula, route or "", hypothetical, told or []
            )


def expectations(group: Group, library: SpectrumLibrary) -> Expectations:
    """What is known of computed spectra before looking.

    A valence weighs as it is usual (:mod:`spectradb.services.matching.commonness`), however many
    crystals of it the library holds; a site of mixed valence belongs to both its neighbours, and is
    of the group of the nearer: 2.97 of a disordered crystal is no valence by itself.
    Within a valence a substance weighs as such are measured, and no more for being computed often:
    by two routes, in two structures, at several sites.
    """
    rows = [row for row in _Row.of(group) if row.pk in library]
    found = {row.substance for row in rows if not row.hypothetical}
    times = Counter(row.substance for row in rows)
    own: dict[_Key, float] = {}
    for row in rows:
        made = row.substance not in found
        one = Substance(
            group.absorber, row.valence, row.formula, row.ligands, made, lacks_hydrogen(row.told)
        )
        own[row.substance] = max(own.get(row.substance, 0.0), substance_weight(one))
    total: defaultdict[int | None, float] = defaultdict(float)
    for (valence, _), weight in own.items():
        for whole, share in whole_valences(valence).items():
            total[whole] += share * weight
    each = {v: valence_weight(group.absorber, v) / total[v] for v in total}
    weights = {
        key: sum(share * each[v] for v, share in whole_valences(key[0]).items()) * weight
        for key, weight in own.items()
    }
    labels = {whole: k for k, whole in enumerate(dict.fromkeys(main_valence(v) for v, _ in times))}
    names = {key: k for k, key in enumerate(times)}
    return Expectations(
        shift_err_ev={row.pk: row.anchor or 0.0 for row in rows},
        weight={row.pk: weights[row.substance] / times[row.substance] for row in rows},
        error={row.pk: ROUTE_ERROR.get(row.route, 1.0) for row in rows},
        group={row.pk: labels[main_valence(row.valence)] for row in rows},
        substance={row.pk: names[row.substance] for row in rows},
    )
