"""How often what a match claims is so: the data of the reliability diagram.

Curated pairs are tried by cross-validation: each is matched by a library that the others taught.
Where there are none, copies of the library's own spectra, disturbed as theory is expected to err,
stand in; that shows the arithmetic to be honest, not the expectation to be right.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from django_q.tasks import async_task

from compute.matching import SpectrumLibrary, reliability
from compute.matching.calibration import MAX_LESSONS, at_most
from spectradb.services.matching.groups import Group, groups
from spectradb.services.matching.index import IndexState, read_stamp, refresh, state_of
from spectradb.services.matching.teaching import assume, known_pairs, pair_numbers

SIMULATED = 60
_FILE = "claims.json"


@dataclass(frozen=True)
class ReliabilityBin:
    """Matches whose leading candidate was given about the same probability.

    ``confidence`` is the mean probability claimed, ``accuracy`` the share that was right with its
    68 % interval (Wilson), ``count`` how many there are.
    """

    confidence: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    count: int


@dataclass(frozen=True)
class ReliabilityReport:
    """The reliability diagram of one library; empty bins are left out."""

    absorber: str
    edge: str
    kind: str
    source: Literal["curated", "simulated"]
    n_queries: int
    n_calibration_pairs: int
    calibrated: bool
    expected_error: float
    wrongly_rejected: float
    bins: list[ReliabilityBin]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def reliability_of(group: Group) -> ReliabilityReport:
    """The diagram of a group, kept beside its library until the library or its pairs change.

    Raises
    ------
    InputError
        If nothing in the group can be matched.
    """
    library = refresh(group)
    stamp = read_stamp(group)
    path = group.path / _FILE
    if (kept := kept_reliability(group)) is not None:
        return kept
    (numbers,) = at_most(MAX_LESSONS, [pair_numbers(group)])
    pairs = known_pairs(library, numbers)
    if pairs:
        own = SpectrumLibrary.load(group.path)  # others ask the one in memory
        assume(own, group)
        claims = own.cross_validate(pairs)
    else:
        claims = library.simulate(SIMULATED)
    diagram = reliability(claims.probability, claims.correct)
    columns = (diagram.claimed, diagram.found, diagram.low, diagram.high)
    report = ReliabilityReport(
        group.absorber,
        group.edge,
        group.kind,
        source="curated" if pairs else "simulated",
        n_queries=int(claims.correct.size),
        n_calibration_pairs=library.n_calibration_pairs,
        calibrated=library.calibrated,
        expected_error=diagram.expected_error,
        wrongly_rejected=float((claims.none_of_these > 0.5).mean()),
        bins=[
            ReliabilityBin(float(a), float(b), float(c), float(d), int(n))
            for a, b, c, d, n in zip(*columns, diagram.count, strict=True)
        ],
    )
    path.write_text(json.dumps({"stamp": stamp, **report.as_json()}))
    return report


def measure_next() -> Group | None:
    """Work out one diagram that is missing, of the largest library first; which it was."""
    lacking = [
        (group.rows().count(), group.path.name, group)
        for group, _, _ in groups()
        if state_of(group) is IndexState.CURRENT and kept_reliability(group) is None
    ]
    if not lacking:
        return None
    *_, group = max(lacking)
    reliability_of(group)
    return group


def ask_for_all() -> int:
    """Tell the workers to work out every diagram that is missing; how many."""
    lacking = [group for group, _, _ in groups() if kept_reliability(group) is None]
    for group in lacking:
        async_task("spectradb.tasks.measure_reliability", group.absorber, group.edge, group.kind)
    return len(lacking)


def kept_reliability(group: Group) -> ReliabilityReport | None:
    """The diagram of a group as it was last worked out, if the library is still that one."""
    path = group.path / _FILE
    if not path.exists():
        return None
    kept = json.loads(path.read_text())
    if kept.pop("stamp") != read_stamp(group):
        return None
    return ReliabilityReport(**{**kept, "bins": [ReliabilityBin(**one) for one in kept["bins"]]})
