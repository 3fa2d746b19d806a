"""Computed L2,3 spectra against measured ones, by figures that a wrong compound can fail.

    python -m tests.benchmarks.l23_score [--route cheap|cluster] [--widths default|table|bands]
                                         [--cache DIR] [--only-kept] [--library] [--write]

Every measured compound is compared with each computed crystal of its element. ``--write`` puts the
tables into docs/measurements/likeness.md; ``--only-kept`` compares with what the folder of
`compound_spectra` holds, ``--library`` with all crystals of the loaded site that were found, made
ones left out (`library_spectra`). Needs the literature data beside the repository.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compute.crystals.published import crystal
from compute.l23.likeness import Likeness, Shape, best_match, likeness, shape
from compute.l23.lineshape import DEFAULT, WIDTHS
from compute.l23.routes import ROUTES, version
from compute.matching.l23 import white_lines
from compute.sites import analyze_sites
from tests.benchmarks.compound_spectra import Computed, computed, with_element
from tests.benchmarks.library_spectra import stored
from tests.benchmarks.ligandfield import read_spectrum
from tests.benchmarks.output import rewrite, write
from tests.shared_data import shared_data

FloatArray = NDArray[np.float64]

DOCUMENT = Path("docs/measurements/likeness.md")
SIGMA_EV = 0.3
SPECTRA = (  # measured file, crystal, absorber
    ("MnEdgeNet/Data2_MnO.csv", "rocksalt-MnO", "Mn"),
    ("MnEdgeNet/Data3_MnO.csv", "rocksalt-MnO", "Mn"),
    ("MnEdgeNet/Data3_LaMnO3.csv", "perovskite-LaMnO3", "Mn"),
    ("MnEdgeNet/Data3_MnO2.csv", "rutile-MnO2", "Mn"),
    ("flexpes-nexafs/Cu_L23_CuO_TEY.csv", "CuO", "Cu"),
    ("pyTEMlib/SrTiO3_EELS_raw.csv", "perovskite-SrTiO3", "Ti"),
)
LISTS = (  # compound of the facts, crystal, absorber: published features only
    ("Fe2O3", "corundum-Fe2O3", "Fe"),
    ("TiO2 (polymorph", "rutile-TiO2", "Ti"),
)
_EDGE_EV = 15.0  # a measured file is cut so far outside the computed spectrum
_DRAWS = 4000
_FEWEST = 8  # crystals of an element, for a discrimination to be told


@dataclass(frozen=True)
class Figure:
    """One number of a comparison; the smaller, the more alike."""

    name: str
    unit: str
    of: Callable[[Likeness], float]


FIGURES = (
    Figure("mismatch of features", "", lambda found: found.mismatch),
    Figure("positions, median", "eV", lambda found: _median(np.abs(found.position_ev))),
    Figure("height ratios, median", "%", lambda found: 100 * _excess(found.log_height)),
    Figure("L3-L2 separation", "eV", lambda found: abs(found.separation_ev)),
    Figure("branching ratio", "", lambda found: abs(found.branching)),
    Figure("1 - cosine", "", lambda found: 1 - found.cosine),
)


def _median(values: FloatArray) -> float:
    return float(np.median(values)) if values.size else np.inf


def _excess(log_height: FloatArray) -> float:
    """How far the median ratio of heights, taken above one, is from one; the main peak is one."""
    others = log_height[np.abs(log_height) > 0.02] if log_height.size > 1 else log_height
    return float(np.expm1(np.median(np.abs(others)))) if others.size else 0.0


@dataclass(frozen=True)
class Trial:
    """One measured compound against all computed crystals of its element.

    Attributes
    ----------
    name, formula : of the measurement, of its compound
    own : (figures,) of the right crystal; NaN where the measurement does not tell
    foreign : (crystals, figures) of those of another formula
    names : of the foreign crystals
    """

    name: str
    formula: str
    own: FloatArray
    foreign: FloatArray
    names: tuple[str, ...]

    def rank(self) -> FloatArray:
        """(figures + 1,) how many are more alike than the own one, ties by half; last: all figures.

        All together: the mean of the ranks that each figure gives.
        """
        values = np.vstack([self.own, self.foreign])
        known = np.isfinite(self.own)
        ranks = np.array([_ranks(column) for column in values.T[known]])
        every = np.full(self.own.size + 1, np.nan)
        if not self.names:
            return every
        every[:-1][known] = ranks[:, 0]
        every[-1] = _ranks(ranks.mean(axis=0))[0]
        return every


def _ranks(values: FloatArray) -> FloatArray:
    less = (values[:, None] > values).sum(axis=1)
    same = (values[:, None] == values).sum(axis=1) - 1
    return np.asarray(less + same / 2)


@dataclass(frozen=True)
class Source:
    """Where computed spectra come from: a route, its widths; the folder that keeps them, or the
    loaded site."""

    route: str
    widths: str
    cache: Path | None
    only_kept: bool
    library: bool = False


def theory(element: str, source: Source) -> list[Computed]:
    if source.library:
        named = [one for _, one, of in (*SPECTRA, *LISTS) if of == element]
        return [one.computed for one in stored(element, source.route, named)]
    found = (
        computed(
            one.id,
            element,
            source.route,
            source.cache,
            widths=source.widths,
            only_kept=source.only_kept,
        )
        for one in with_element(element)
    )
    return [one for one in found if one is not None]


def trials(source: Source) -> Iterator[Trial]:
    """Every measurement whose own compound is computed; foreign ones where there are enough."""
    known: dict[str, list[Computed]] = {}
    facts = json.loads(shared_data("l23_literature", "facts.json").read_text(encoding="utf-8"))
    for name, crystal_id, element in (*SPECTRA, *LISTS):
        if element not in known:
            known[element] = theory(element, source)
        candidates = known[element]
        right = next((one for one in candidates if one.crystal == crystal_id), None)
        if right is None:
            continue
        enough = len(candidates) >= _FEWEST
        others = [one for one in candidates if enough and one.compound != right.compound]
        if name.endswith(".csv"):
            compare = _with_spectrum(name, right)
        else:
            compare = _with_list(_listed(facts["peaks"], name))
        yield Trial(
            name.split(" ")[0],
            right.compound,
            compare(right),
            np.array([compare(one) for one in others]).reshape(-1, len(FIGURES)),
            tuple(one.crystal for one in others),
        )


def _computed_shape(one: Computed) -> Shape:
    return shape(one.energy, one.intensity, one.splitting, sigma_ev=SIGMA_EV, measured=False)


def _with_spectrum(name: str, right: Computed) -> Callable[[Computed], FloatArray]:
    energy, signal = read_spectrum(name)
    # Wide surveys hold other edges; the scale of a file may be off by some eV.
    near = (energy > right.energy[0] - _EDGE_EV) & (energy < right.energy[-1] + _EDGE_EV)
    measured = shape(energy[near], signal[near], right.splitting, sigma_ev=SIGMA_EV, measured=True)

    def compare(one: Computed) -> FloatArray:
        found = likeness(measured, _computed_shape(one))
        return np.array([figure.of(found) for figure in FIGURES])

    return compare


def _with_list(features: list[tuple[float, float]]) -> Callable[[Computed], FloatArray]:
    """Published features have positions, some of them heights, and no curve."""
    positions, heights = np.array(sorted(features)).T
    nothing = np.zeros(0)
    published = Shape(nothing, nothing, np.nan, np.nan, np.nan, positions, heights)

    def compare(one: Computed) -> FloatArray:
        other = _computed_shape(one)
        mismatch, pairs, shift = best_match(published, other)
        i, j = pairs.T
        apart = np.abs(other.positions[j] - positions[i] - shift)
        return np.array([mismatch, _median(apart), *[np.nan] * (len(FIGURES) - 2)])

    return compare


def _listed(peaks: Sequence[dict[str, object]], compound: str) -> list[tuple[float, float]]:
    """(position, height or NaN) of a compound's published features, relative to its L3 maximum."""
    seen = {
        str(p["quantity"]).split(" (")[0]: p["value_ev"]
        for p in peaks
        if p["seen"] and str(p["compound"]).startswith(compound)
    }

    def value(quantity: str) -> float:
        found = seen[quantity]
        assert isinstance(found, int | float)
        return float(found)

    if compound == "Fe2O3":
        first = value("L2 first peak")
        return [
            (value("L3 low-energy"), value("height of L3 low-energy peak / main")),
            (0.0, 1.0), (first, np.nan), (first + value("L2 splitting"), np.nan),
        ]  # fmt: skip
    main = value("L3 t2g -> L3 eg")
    return [
        (-main, np.nan), (0.0, 1.0), (value("L2 t2g") - main, np.nan),
        (value("L2 eg") - main, np.nan),
    ]  # fmt: skip


def _interval(values: FloatArray, groups: Sequence[str], of: Callable[..., float]) -> str:
    """A statistic and its 90 % bootstrap interval; compounds are drawn, not spectra."""
    members = [np.flatnonzero(np.array(groups) == group) for group in dict.fromkeys(groups)]
    rng = np.random.default_rng(0)
    drawn = [
        of(
            values[
                np.concatenate([members[k] for k in rng.integers(len(members), size=len(members))])
            ]
        )
        for _ in range(_DRAWS)
    ]
    low, high = np.quantile(drawn, (0.05, 0.95))
    return f"{of(values):.2f} ({low:.2f}-{high:.2f})"


def _told(
    values: FloatArray, groups: Sequence[str], known: NDArray[np.bool_], of: Callable[..., float]
) -> str:
    """`_interval` of what is known."""
    left = [group for group, yes in zip(groups, known, strict=True) if yes]
    return _interval(values[known], left, of) if left else ""


def summary(found: list[Trial]) -> str:
    """A row a figure: its size for the right compound, and how well it tells it from others."""
    groups = [one.formula for one in found]
    ranks = np.array([one.rank() for one in found])
    count = np.array([len(one.names) + 1 for one in found])
    rows = [
        "| figure | n spectra, compounds told apart | right compound, median | first | among three "
        "| better than a foreign one |\n|---|---|---|---|---|---|\n"
    ]
    names = [f"{one.name}, {one.unit}".rstrip(", ") for one in FIGURES]
    for k, name in enumerate([*names, "all together"]):
        size = ""
        if k < len(FIGURES):
            own = np.array([one.own[k] for one in found])
            size = _told(own, groups, np.isfinite(own), lambda v: float(np.median(v)))
            size += f", n {np.isfinite(own).sum()}"
        known = np.isfinite(ranks[:, k])
        of = [group for group, yes in zip(groups, known, strict=True) if yes]
        rank, number = ranks[known, k], count[known]
        if not known.any():
            rows.append(f"| {name} | 0, 0 | {size} | | | |\n")
            continue
        shares = (
            (rank < 0.75) * 1.0, (rank < 2.75) * 1.0, 1 - rank / (number - 1),
        )  # fmt: skip
        told = " | ".join(_interval(s, of, lambda v: float(np.mean(v))) for s in shares)
        rows.append(f"| {name} | {known.sum()}, {len(set(of))} | {size} | {told} |\n")
    count = count[count > 1]
    if not count.size:
        return "".join(rows)
    chance = " | ".join(f"{np.mean(np.minimum(k / count, 1)):.2f}" for k in (1, 3))
    return "".join(rows) + f"| chance | | | {chance} | 0.50 |\n"


def details(found: list[Trial]) -> str:
    """A row a measurement."""
    rows = [
        "| measured | of | mismatch | positions | heights | L3-L2 | branching | 1 - cosine "
        "| place by all | best others |\n|---|---|---|---|---|---|---|---|---|---|\n"
    ]
    for one in found:
        own = " | ".join("" if np.isnan(v) else f"{v:.2f}" for v in one.own)
        better = np.argsort(one.foreign[:, 0])[:2]
        place = f"{one.rank()[-1] + 1:.1f}" if one.names else ""
        others = ", ".join(f"{one.names[k]} {one.foreign[k, 0]:.2f}" for k in better)
        rows.append(f"| {one.name} | {len(one.names) + 1} | {own} | {place} | {others} |\n")
    return "".join(rows)


def repeated() -> str:
    """Two measurements of one compound against each other by the same figures."""
    (first, _, element), (second, _, _) = SPECTRA[:2]
    lines = white_lines(element, "L23")
    assert lines is not None
    both = []
    for name in (first, second):
        energy, signal = read_spectrum(name)
        near = (energy > lines.l3_ev - 2 * _EDGE_EV) & (energy < lines.l2_ev + 2 * _EDGE_EV)
        apart = lines.l2_ev - lines.l3_ev
        both.append(shape(energy[near], signal[near], apart, sigma_ev=SIGMA_EV, measured=True))
    found = likeness(*both)
    told = ", ".join(f"{one.name} {one.of(found):.2f} {one.unit}".strip() for one in FIGURES)
    return f"The two measured spectra of MnO against each other: {told}.\n"


def valences(source: Source) -> str:
    """Digitised Mn spectra labelled by valence: of what valence is the crystal most like each."""
    candidates = list(_of_one_valence("Mn", source))
    if len(candidates) < _FEWEST:
        return ""
    right, chance, groups = [], [], []
    for path in sorted(
        shared_data("l23_literature", "spectra", "Mn_Classifier_CNNs").glob("Mn?_*")
    ):
        label = float(path.name[2])
        compare = _with_spectrum(f"{path.parent.name}/{path.name}", candidates[0][0])
        values = np.array([compare(one) for one, _ in candidates])
        same = np.array([state == label for _, state in candidates])
        best = [int(np.argmin(column)) for column in (values[:, 0], values[:, -1])]
        right.append([float(same[k]) for k in best])
        chance.append(same.mean())
        groups.append(path.name)
    told = [_interval(column, groups, lambda v: float(np.mean(v))) for column in np.array(right).T]
    return (
        f"Valence of the crystal most alike, {len(groups)} digitised Mn spectra labelled 2+, 3+, "
        f"4+: right in {told[0]} by features, {told[1]} by cosine (chance {np.mean(chance):.2f}).\n"
    )


def _of_one_valence(element: str, source: Source) -> Iterator[tuple[Computed, float]]:
    """Computed crystals whose sites of the element are of one state, and that state."""
    if source.library:
        for known in stored(element, source.route, ()):
            if known.state is not None:
                yield known.computed, known.state
        return
    for one in theory(element, source):
        sites = analyze_sites(crystal(one.crystal).structure())
        states = {round(site.oxidation_state, 2) for site in sites if site.element == element}
        if len(states) == 1:
            yield one, states.pop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--route", choices=ROUTES, default="cheap")
    parser.add_argument("--widths", choices=WIDTHS, default=DEFAULT)
    parser.add_argument("--cache", type=Path, help="folder that keeps computed spectra")
    parser.add_argument("--only-kept", action="store_true", help="compute nothing")
    parser.add_argument("--library", action="store_true", help="what the loaded site holds")
    parser.add_argument("--write", action="store_true", help=f"into {DOCUMENT}")
    arguments = parser.parse_args()
    if arguments.library and arguments.widths != DEFAULT:
        parser.error(f"the library's spectra have widths {DEFAULT}")
    source = Source(
        arguments.route, arguments.widths, arguments.cache, arguments.only_kept, arguments.library
    )
    found = list(trials(source))
    versions = ", ".join(version(source.route).values())
    series = valences(source)
    told = f"Versions {versions}; widths {source.widths}."
    text = f"{told}\n\n{summary(found)}\n{details(found)}\n{repeated()}\n{series}"
    if arguments.write:
        rewrite(DOCUMENT, f"{source.route} {'library' if source.library else source.widths}", text)
    else:
        write(text, None)


if __name__ == "__main__":
    main()
