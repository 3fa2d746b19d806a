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
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import numpy as np

from tests.benchmarks.measured_claims import Claims, interval
from tests.benchmarks.measured_disturbed import disturbed
from tests.benchmarks.measured_made import made_claims, residuals
from tests.benchmarks.measured_mixtures import mixtures
from tests.benchmarks.measured_set import (
    MAX_SHIFT_EV,
    THIRDS,
    Measured,
    curve_of,
    measured,
    third_of,
)
from tests.benchmarks.measured_site import Site
from tests.benchmarks.output import say

if TYPE_CHECKING:
    from spectradb.services.matching.match import Answer

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "measurements" / "matching.md"
_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"
_MADE = 300
_RANGES = ((914.0, 1000.0), (920.0, 980.0), (925.0, 960.0), (927.0, 957.0))  # of one CuO scan


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
    first_three_of_elements: list[bool] = field(default_factory=list)
    by_chance: list[float] = field(default_factory=list)

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
            among = [c.formula for c in ask(one, elements=True).compounds]
            self.first_three_of_elements.append(one.compound in among[:3])
            self.by_chance.append(min(1.0, 3 / len(among)))

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
            f"{self.compound.words}; where the elements of the sample are told, first three "
            f"{interval(self.first_three_of_elements)}, by chance "
            f"{np.mean(self.by_chance) if self.by_chance else 0.0:.2f}"
        )


def ask(
    one: Measured, energy_range: tuple[float, float] | None = None, *, elements: bool = False
) -> Answer:
    """The site's answer; ``elements`` tells it which the sample holds."""
    from pymatgen.core import Composition

    from spectradb.filters import EVERYTHING, apply_where
    from spectradb.models import Spectrum
    from spectradb.services.matching.match import match_curve
    from spectradb.services.matching.options import MatchOptions

    options = MatchOptions(kind="theory", energy_range=energy_range, max_shift_ev=MAX_SHIFT_EV)
    within = None
    if elements:
        held = [element.symbol for element in Composition(one.compound)]
        within = apply_where(Spectrum, {"only_elements": held}, EVERYTHING)
    return match_curve(*curve_of(one), options, within=within)


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


def report(site: Site, spectra: list[Measured], made: int) -> Iterator[str]:
    """The block of the document, line by line."""
    from compute.matching import VERSION

    started = time.process_time()
    open_ = [one for one in spectra if not one.held_out]
    calibrations = [
        site.taught(one for one in open_ if third_of(one) != k) for k in range(len(THIRDS))
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
    yield from disturbed(spectra)
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
        for name in (
            "lines",
            "element",
            "known_rejected",
            "stranger",
            "named",
            "first_three",
            "first_three_of_elements",
            "by_chance",
        ):
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

    teachers = [one for one in spectra if not one.held_out and one.teaches]
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
