"""Measured L2,3 spectra matched against the site's library: element, valence, how sure.

``python -m tests.benchmarks.measured_matching`` after ``manage.py demo --no-serve --all``; needs
the literature data beside the repository. Labels are only compared with, never learnt from. Last,
the spectra of one valence are asked again with noise added: what is claimed should fall with what
is right.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import django
import numpy as np

from tests.benchmarks.output import say
from tests.shared_data import shared_data

_VALENCE = {"MnO": 2, "LaMnO3": 3, "MnO2": 4}
_NOISE_DB = (20.0, 10.0, 0.0)
_FIRST_ELEMENT = {"Cu_L23_CuO": "Cu", "SrTiO3": "Ti", "la0-7sr0-3mno3": "Mn", "la2nio4": "Ni"}


@dataclass(frozen=True)
class Label:
    """What is known of a file; None where nothing is."""

    element: str | None
    valence: int | None


def label_of(path: Path) -> Label:
    """From the file's name, as its source named it."""
    single = re.match(r"Mn(\d)_\d", path.name)
    if single:
        return Label("Mn", int(single[1]))
    compound = re.match(r"Data\d_(\w+)\.csv", path.name)
    if compound:
        return Label("Mn", _VALENCE[compound[1]])
    if path.name.startswith("mixed"):
        return Label("Mn", None)
    for start, element in _FIRST_ELEMENT.items():
        if path.name.startswith(start):
            return Label(element, None)
    return Label(None, None)


def files() -> Iterator[Path]:
    """Measured spectra of the shared data."""
    yield from sorted(shared_data("l23_literature", "spectra").glob("*/*.csv"))
    yield from sorted(shared_data("spectra", "msa").glob("*.msa"))


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    django.setup()
    from compute.errors import ComputeError, SkipFile
    from spectradb.services.matching.match import curve_of_file, match_curve
    from spectradb.services.matching.options import MatchOptions

    elements: list[bool] = []
    first: list[bool] = []
    summed: list[bool] = []
    for path in files():
        label = label_of(path)
        try:
            answer = match_curve(*curve_of_file(path, MatchOptions()))
        except (ComputeError, SkipFile) as error:
            say(f"| {path.name} | {error} |")
            continue
        best, likely = answer.matches[0], answer.valences[0]
        if label.element:
            elements.append(best.absorber == label.element)
        if label.valence:
            first.append((best.absorber, best.oxidation_state) == ("Mn", label.valence))
            summed.append((likely.absorber, likely.oxidation_state) == ("Mn", label.valence))
        states = ", ".join(
            f"{v.absorber}{v.oxidation_state}+ {v.probability:.2f}" for v in answer.valences[:3]
        )
        say(
            f"| {path.name} | {best.formula} {best.absorber} {best.oxidation_state} | {states} "
            f"| {answer.none_of_these:.2f} | {best.r_squared:.2f} | {best.shift_ev:+.2f} |"
        )
    say(
        f"element {sum(elements)}/{len(elements)}, valence of the first {sum(first)}/{len(first)}, "
        f"likeliest valence {sum(summed)}/{len(summed)}"
    )
    for db in _NOISE_DB:
        say(_with_noise(db))


def _with_noise(db: float) -> str:
    """Claims and hits of the likeliest valence under white noise of so many dB."""
    from spectradb.services.matching.match import curve_of_file, match_curve
    from spectradb.services.matching.options import MatchOptions

    claimed, right, none = [], [], []
    for number, path in enumerate(files()):
        label = label_of(path)
        if not label.valence:
            continue
        energy, signal, options = curve_of_file(path, MatchOptions(absorber="Mn"))
        rng = np.random.default_rng(number)
        size = np.sqrt(np.mean(signal**2)) * 10.0 ** (-db / 20.0)
        answer = match_curve(energy, signal + rng.normal(0.0, size, signal.size), options)
        likely = answer.valences[0]
        claimed.append(likely.probability)
        right.append(likely.oxidation_state == label.valence)
        none.append(answer.none_of_these)
    return (
        f"noise of {db:g} dB: valence right {sum(right)}/{len(right)}, claimed "
        f"{np.mean(claimed):.2f} on average, none of these {np.mean(none):.2f}"
    )


if __name__ == "__main__":
    main()
