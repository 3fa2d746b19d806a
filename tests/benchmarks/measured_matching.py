"""Measured L2,3 spectra matched against the site's library: what is told, and how often it is so.

After ``manage.py demo --no-serve --all`` (three CPU minutes):

    python -m tests.benchmarks.measured_matching            # table and figures
    python -m tests.benchmarks.measured_matching --write    # … into docs/measurements/matching.md
    python -m tests.benchmarks.measured_matching --teach    # what is shipped, learnt anew

Sources are scored by what the others alone have taught: one third of them at a time. Those held out
teach nothing; what is shipped answers for them. Spectra: `tests.benchmarks.measured_set`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.measured_mixtures import mixtures
from tests.benchmarks.measured_set import Measured, measured
from tests.benchmarks.output import say

if TYPE_CHECKING:
    from compute.matching import Calibration, KnownPair, MatchResult, SpectrumLibrary
    from spectradb.services.matching.groups import Group
    from spectradb.services.matching.match import Answer

Array = NDArray[np.float64]
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "measurements" / "matching.md"
_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"
# Thirds of the sources, by their names' beginnings: no laboratory teaches what it is scored on.
_THIRDS = (("MnEdgeNet", "EELS DB"), ("Mn_Classifier",), ("flexpes", "pyTEMlib", "smglsn12"))
_MAX_SHIFT_EV = 8.0
_MADE = 300
_TEACHING = 60  # made queries that teach how far compounds are told apart
_RANGES = ((914.0, 1000.0), (920.0, 980.0), (925.0, 960.0), (927.0, 957.0))  # of one CuO scan


@dataclass
class Site:
    """Libraries of the 3d L2,3 edges, and what their rows are of."""

    groups: list[Group]
    libraries: list[SpectrumLibrary]
    formula: dict[int, str]
    state: dict[int, float | None]

    @classmethod
    def of_database(cls) -> Site:
        from spectradb.models import Kind, Spectrum
        from spectradb.services.matching.groups import groups
        from spectradb.services.matching.index import refresh

        found = [one for one, _, _ in groups(edge="L23", kind=Kind.THEORY) if one.lines]
        rows = Spectrum.objects.filter(edge="L23", kind=Kind.THEORY)
        return cls(
            found,
            [refresh(one) for one in found],
            dict(rows.values_list("pk", "formula")),
            dict(rows.values_list("pk", "site__oxidation_state")),
        )

    def of(self, element: str) -> tuple[Group, SpectrumLibrary]:
        k = [one.absorber for one in self.groups].index(element)
        return self.groups[k], self.libraries[k]

    def pair(self, one: Measured) -> KnownPair | None:
        """What a measured spectrum teaches; None where its valence was never computed."""
        from spectradb.services.matching.region import edge_region
        from spectradb.services.matching.teaching import expectations

        group, library = self.of(one.element)
        (valence,) = one.valences
        label = expectations(group, library).group
        same = [pk for pk in label if self.state[int(str(pk))] == valence]
        if not same:
            return None
        ids = [pk for pk in same if self.formula[int(str(pk))] == one.compound]
        curve = edge_region(*curve_of(one), group, library, _MAX_SHIFT_EV)
        return library.pair(*curve, group=label[same[0]], ids=ids)

    def taught(self, teachers: Iterable[Measured]) -> list[Calibration]:
        """Calibrations of all libraries by some measured spectra.

        How far compounds of one valence are to be told apart few of them can say: that comes from
        computed spectra with what theory missed the teachers by.
        """
        teachers = list(teachers)
        found = self._by_pairs(teachers)
        self.adopt(found)
        within = self._by_made(residuals(self, teachers)).posterior.temper
        return [replace(one, posterior=replace(one.posterior, temper=within)) for one in found]

    def _by_made(self, errors: list[Residual]) -> Calibration:
        from compute.matching import calibrate_together
        from spectradb.services.matching.teaching import EXPECTED, expectations

        rng = np.random.default_rng(15)
        known: dict[str, list[KnownPair]] = {one.absorber: [] for one in self.groups}
        labels: dict[str, dict[Any, int]] = {}
        for _ in range(_TEACHING if errors else 0):
            error = errors[int(rng.integers(len(errors)))]
            group, library = self.of(error.element)
            if error.element not in labels:
                labels[error.element] = dict(expectations(group, library).group)
            pk = library.ids[int(rng.integers(len(library)))]
            curve = _made(library, pk, error, rng)
            label = labels[error.element][pk]
            known[error.element].append(library.pair(*curve, group=label, ids=[pk]))
        pairs = [
            (library, known[group.absorber])
            for group, library in zip(self.groups, self.libraries, strict=True)
        ]
        return calibrate_together(pairs, EXPECTED, max_shift_ev=_MAX_SHIFT_EV, learn_errors=False)[
            0
        ]

    def _by_pairs(self, teachers: list[Measured]) -> list[Calibration]:
        from compute.matching import calibrate_together
        from spectradb.services.matching.teaching import EXPECTED

        known: dict[str, list[KnownPair]] = {one.absorber: [] for one in self.groups}
        for one in teachers:
            if one.single and one.element in known and (pair := self.pair(one)) is not None:
                known[one.element].append(pair)
        return calibrate_together(
            [
                (library, known[group.absorber])
                for group, library in zip(self.groups, self.libraries, strict=True)
            ],
            EXPECTED,
            max_shift_ev=_MAX_SHIFT_EV,
        )

    def adopt(self, calibrations: Iterable[Calibration]) -> None:
        for library, calibration in zip(self.libraries, calibrations, strict=True):
            library.adopt(calibration)


@dataclass
class Claims:
    """Probabilities claimed and whether they came true, of one level."""

    probability: list[float] = field(default_factory=list)
    correct: list[bool] = field(default_factory=list)

    def add(self, probability: float, correct: bool) -> None:
        self.probability.append(min(max(probability, 0.0), 1.0))
        self.correct.append(correct)

    @property
    def words(self) -> str:
        """Share that was right with its 95 % interval, what was claimed, calibration error."""
        from compute.matching import reliability

        if not self.correct:
            return "none"
        error = reliability(self.probability, self.correct).expected_error
        return (
            f"{interval(self.correct)}, claimed {np.mean(self.probability):.2f} on average, "
            f"calibration error {error:.3f}"
        )


def interval(correct: Iterable[bool]) -> str:
    """``21/23 (0.91, 0.73 to 0.98)``: the share and its 95 % Wilson interval."""
    hits = list(correct)
    n, k, z = len(hits), sum(hits), 1.96
    if n == 0:
        return "0/0"
    middle = (k + 0.5 * z**2) / (n + z**2)
    half = z * np.sqrt(k * (n - k) / n + 0.25 * z**2) / (n + z**2)
    return f"{k}/{n} ({k / n:.2f}, {max(middle - half, 0.0):.2f} to {min(middle + half, 1.0):.2f})"


def curve_of(one: Measured) -> tuple[Array, Array]:
    """eV and intensity of a measured spectrum, ascending."""
    from compute.matching.grid import checked_curve
    from spectradb.services.matching.match import curve_of_file
    from spectradb.services.matching.options import MatchOptions

    energy, values, _ = curve_of_file(one.path, MatchOptions())
    return checked_curve(energy, values)


def third_of(one: Measured) -> int:
    return next(k for k, names in enumerate(_THIRDS) if one.source.startswith(names))


@dataclass
class Score:
    """What the answers to some spectra come to."""

    lines: list[str] = field(default_factory=list)
    element: list[bool] = field(default_factory=list)
    valence: Claims = field(default_factory=Claims)
    known_rejected: list[bool] = field(default_factory=list)
    stranger: list[bool] = field(default_factory=list)
    named: list[bool] = field(default_factory=list)
    compound: Claims = field(default_factory=Claims)
    first_three: list[bool] = field(default_factory=list)

    def add(self, one: Measured, answer: Answer) -> None:
        valences = sorted(one.valences)
        truth = "stranger" if one.stranger else "/".join(f"{v}+" for v in valences) or "?"
        self.lines.append(
            f"| {one.name[:32]} | {one.compound or one.element} | {truth} | {answer.told} "
            f"| {answer.none_of_these:.2f} | {answer.matches[0].shift_ev:+.2f} |"
        )
        if one.stranger:
            self.stranger.append(answer.none_of_these > 0.5)
            if one.element:
                states = {a.oxidation_state for a in answer.alternatives if a.probability > 0.5}
                self.named.append(states == one.valences)
            return
        if one.element and answer.none_of_these <= 0.5:
            self.element.append(answer.edges[0].absorber == one.element)
        if not one.single:
            return
        best = answer.valences[0]
        right = best.absorber == one.element and best.oxidation_state in one.valences
        self.valence.add(best.probability, right and answer.none_of_these <= 0.5)
        self.known_rejected.append(answer.none_of_these > 0.5)
        if one.compound:
            names = [c.formula for c in answer.compounds]
            self.first_three.append(one.compound in names[:3])
            self.compound.add(answer.compounds[0].probability, names[0] == one.compound)

    def summary(self) -> Iterator[str]:
        yield f"* valence of the unmixed: {self.valence.words}"
        yield f"* element, where not rejected: {interval(self.element)}"
        yield f"* known ones rejected: {interval(self.known_rejected)}"
        yield (
            f"* strangers rejected: {interval(self.stranger)}; d10 and metals named rightly: "
            f"{interval(self.named)}"
        )
        yield (
            f"* certain compounds: among the first three {interval(self.first_three)}, first "
            f"{self.compound.words}"
        )


def ask(one: Measured, energy_range: tuple[float, float] | None = None) -> Answer:
    from spectradb.services.matching.match import match_curve
    from spectradb.services.matching.options import MatchOptions

    options = MatchOptions(kind="theory", energy_range=energy_range, max_shift_ev=_MAX_SHIFT_EV)
    return match_curve(*curve_of(one), options)


def score(spectra: Iterable[Measured]) -> Score:
    from compute.errors import ComputeError, SkipFile

    total = Score()
    for one in spectra:
        try:
            total.add(one, ask(one))
        except (ComputeError, SkipFile) as error:
            total.lines.append(f"| {one.name[:32]} | {one.compound} | | {str(error)[:90]} | | |")
            if one.stranger:  # refused before anything was claimed
                total.stranger.append(True)
    return total


# --- made queries -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Residual:
    """What theory missed a measured spectrum by, over the candidate's scale; (size,) arrays."""

    element: str
    third: int
    value: Array
    sigma_ev: float
    gamma_ev: float


def residuals(site: Site, spectra: Iterable[Measured]) -> list[Residual]:
    """Of each unmixed spectrum beside the likeliest of its own valence, or its own compound."""
    from spectradb.services.matching.region import edge_region

    found = []
    for one in spectra:
        if not one.single or one.element not in [g.absorber for g in site.groups]:
            continue
        group, library = site.of(one.element)
        own = [
            pk
            for pk in library.ids
            if site.state[int(str(pk))] in one.valences
            and (not one.compound or site.formula[int(str(pk))] == one.compound)
        ]
        if not own:
            continue
        curve = edge_region(*curve_of(one), group, library, _MAX_SHIFT_EV)
        best = library.match(*curve, top=1, max_shift_ev=_MAX_SHIFT_EV, among=own).matches[0]
        laid = library.overlay(*curve, best)
        grid = library.grid.energy_ev
        where = laid.energy_ev - best.shift_ev
        scale = max(best.scale, 1e-12)
        value = np.interp(grid, where, laid.residual / scale, left=0.0, right=0.0)
        found.append(Residual(one.element, third_of(one), value, best.sigma_ev, best.gamma_ev))
    return found


def made_claims(
    site: Site, errors: list[Residual], calibrations: list[list[Calibration]], count: int
) -> tuple[Claims, Claims, list[bool]]:
    """Computed spectra with the theory error of a measured one, answered by the other sources.

    Every query is a row of the library, broadened as a measured spectrum is, with what theory
    missed that spectrum by, a shift of the instrument, a slope and 30 dB of noise. Claims of
    valences, of compounds, and whether it was rejected.
    """
    rng = np.random.default_rng(14)
    valence, compound, rejected = Claims(), Claims(), []
    for third, calibration in enumerate(calibrations):
        site.adopt(calibration)
        own = [one for one in errors if one.third == third]
        for _ in range(round(count * len(own) / len(errors))):
            error = own[int(rng.integers(len(own)))]
            _, library = site.of(error.element)
            pk = library.ids[int(rng.integers(len(library)))]
            result = library.match(
                *_made(library, pk, error, rng), top=60, max_shift_ev=_MAX_SHIFT_EV
            )
            _claim(site, result, int(str(pk)), valence, compound)
            rejected.append(result.none_of_these > 0.5)
    return valence, compound, rejected


def _made(
    library: SpectrumLibrary, pk: Any, error: Residual, rng: np.random.Generator
) -> tuple[Array, Array]:
    from compute.matching import Match

    grid = library.grid.energy_ev
    flat = Match(pk, 0.0, 1.0, 0.0, 1.0, error.sigma_ev, error.gamma_ev, 1.0, False)
    base = library.row_laid(flat)
    values = base + error.value + rng.normal(0.0, 0.1) * np.linspace(0.0, np.ptp(base), grid.size)
    values += rng.normal(0.0, 0.03 * np.sqrt(np.mean(values**2)), grid.size)
    shift = float(np.clip(0.5 * rng.standard_cauchy(), -6.0, 6.0))
    inside = slice(5 * grid.size // 50, -5 * grid.size // 50)  # as a query is cut
    return grid[inside] + shift, values[inside]


def _claim(site: Site, result: MatchResult, pk: int, valence: Claims, compound: Claims) -> None:
    from spectradb.services.matching.groups import whole_valences

    of_valence: dict[int | None, float] = {}
    of_compound: dict[str, float] = {}
    for one in result.matches:
        number = int(str(one.spectrum_id))
        for state, share in whole_valences(site.state[number]).items():
            of_valence[state] = of_valence.get(state, 0.0) + share * one.probability
        name = site.formula[number]
        of_compound[name] = of_compound.get(name, 0.0) + one.probability
    first = max(of_valence, key=lambda k: of_valence[k])
    valence.add(of_valence[first], first in whole_valences(site.state[pk]))
    likely = max(of_compound, key=lambda k: of_compound[k])
    compound.add(of_compound[likely], likely == site.formula[pk])


# --- the report -----------------------------------------------------------------------------------


def report(site: Site, spectra: list[Measured], made: int) -> Iterator[str]:
    """The block of the document, line by line."""
    from compute.matching import VERSION

    started = time.process_time()
    open_ = [one for one in spectra if not one.held_out]
    calibrations = [
        site.taught(one for one in open_ if third_of(one) != k) for k in range(len(_THIRDS))
    ]
    scores = []
    for k, calibration in enumerate(calibrations):
        site.adopt(calibration)
        scores.append(score(one for one in open_ if third_of(one) == k))
    total = _summed(scores)
    yield (
        f"Version {VERSION}, {sum(map(len, site.libraries))} computed spectra of "
        f"{len(site.groups)} edges; {len(open_)} measured spectra, each third of the sources "
        "answered by what the other two taught:"
    )
    yield ""
    yield from _table(total)
    yield from total.summary()
    errors = residuals(site, open_)
    if not made:
        return
    valence, compound, rejected = made_claims(site, errors, calibrations, made)
    yield (
        f"* made queries, {len(rejected)} computed spectra with what theory missed a measured one "
        f"of another source by: valence {valence.words}; compound {compound.words}; rejected "
        f"{interval(rejected)}"
    )
    from spectradb.services.matching.teaching import shipped_calibration

    shipped = shipped_calibration()
    if shipped is not None:
        site.adopt([shipped] * len(site.libraries))
    yield from mixtures(site, open_)
    for one in spectra:
        if one.name == "CuO_XAS":
            told = "; ".join(
                f"{lo:g} to {hi:g} eV: {ask(one, (lo, hi)).told}" for lo, hi in _RANGES
            )
            yield f"* one scan of CuO cut to ranges: {told}"
    held = score(one for one in spectra if one.held_out)
    if held.lines:
        yield ""
        yield "Sources that had no part in any choice, answered by what is shipped:"
        yield ""
        yield from _table(held)
        yield from held.summary()
    yield ""
    yield f"{time.process_time() - started:.0f} CPU seconds."


def _table(one: Score) -> Iterator[str]:
    yield "| file | of | truth | told | none of these | shift, eV |"
    yield "|---|---|---|---|---|---|"
    yield from one.lines
    yield ""


def _summed(scores: list[Score]) -> Score:
    total = Score()
    for one in scores:
        for name in ("lines", "element", "known_rejected", "stranger", "named", "first_three"):
            getattr(total, name).extend(getattr(one, name))
        for name in ("valence", "compound"):
            mine, own = getattr(total, name), getattr(one, name)
            mine.probability.extend(own.probability)
            mine.correct.extend(own.correct)
    return total


def teach(site: Site, spectra: list[Measured]) -> None:
    """Write what all sources that are not held out teach, for the site to start with."""
    from compute.matching import VERSION
    from compute.matching.storage import calibration_json
    from spectradb.services.matching.teaching import SHIPPED

    teachers = [one for one in spectra if not one.held_out and one.single]
    common = site.taught(teachers)[0]
    told = {
        "version": VERSION,
        "n_spectra": len(teachers),
        "sources": sorted({one.source for one in teachers}),
        "command": "python -m tests.benchmarks.measured_matching --teach",
    }
    numbers = _rounded(calibration_json(common))
    SHIPPED.write_text(json.dumps({"told": told, "calibration": numbers}) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--teach", action="store_true", help="learn anew what is shipped")
    parser.add_argument("--write", action="store_true", help="put the figures into the document")
    parser.add_argument("--made", type=int, default=_MADE, help="how many queries are made")
    chosen = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    django.setup()
    site, spectra = Site.of_database(), measured()
    if chosen.teach:
        teach(site, spectra)
        return
    lines = []
    for line in report(site, spectra, chosen.made):
        say(line)
        lines.append(line)
    if chosen.write:
        text = DOCUMENT.read_text(encoding="utf-8")
        before, rest = text.split(_BEGIN)
        block = "\n".join([_BEGIN, "", *lines, "", _END])
        DOCUMENT.write_text(before + block + rest.split(_END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
