"""Valences of crystals whose hydrogens are taken away, against those of the complete lists.

``python -m tests.benchmarks.missing_hydrogen [--list]``

Of the published crystals and the computed ones of the shared set those with hydrogen, oxygen and a
3d metal. ``--list`` names every site that differs.
"""

from __future__ import annotations

import argparse
import itertools
import warnings
from dataclasses import dataclass

from pymatgen.core import Structure

from compute.sites import Site, analyze_sites
from compute.sites.redox import is_open_shell
from tests.benchmarks.output import say
from tests.benchmarks.structure_files import computed, published

_DOUBTFUL, _SURE = 0.6, 0.9
_FULL_SHELL = "Zn"


@dataclass(frozen=True)
class Pair:
    """A site of a complete list, and the same without the hydrogens."""

    name: str
    complete: Site
    without: Site

    @property
    def same(self) -> bool:
        return abs(self.complete.oxidation_state - self.without.oxidation_state) < 0.01


def pairs(name: str, structure: Structure, *, known: bool) -> list[Pair]:
    """The 3d sites of a crystal; ``known`` tells how many hydrogens are missing."""
    structure.remove_oxidation_states()
    elements = [site.specie.symbol for site in structure]
    if not ({"H", "O"} <= set(elements) and any(map(_varies, elements))):
        return []
    kept = [i for i, element in enumerate(elements) if element != "H"]
    stripped = Structure(
        structure.lattice,
        [elements[i] for i in kept],
        structure.frac_coords[kept],
        charge=len(kept) - len(elements) if known else None,
    )
    found = {
        kept[atom]: site for site in analyze_sites(stripped) for atom in site.equivalent_indices
    }
    sites = analyze_sites(structure)
    return [Pair(name, site, found[site.index]) for site in sites if _varies(site.element)]


def _varies(element: str) -> bool:
    return is_open_shell(element) and element != _FULL_SHELL


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    say("| what is known | same valence | of the others, confidence above 0.6 | above 0.9 |")
    say("|---|---|---|---|")
    others: list[str] = []
    for words, known in (("the formula (how many H are missing)", True), ("nothing", False)):
        crystals = itertools.chain(published(), computed())
        rows = [pair for name, full in crystals for pair in pairs(name, full, known=known)]
        wrong = [pair for pair in rows if not pair.same]
        same = len(rows) - len(wrong)
        doubtful, sure = (
            sum(pair.without.oxidation_confidence > limit for pair in wrong)
            for limit in (_DOUBTFUL, _SURE)
        )
        say(f"| {words} | {same} of {len(rows)} ({same / len(rows):.0%}) | {doubtful} | {sure} |")
        for pair in wrong:
            a, b = pair.complete, pair.without
            others.append(
                f"{words}: {pair.name} {a.element} {a.oxidation_state:+.3g} "
                f"({a.oxidation_confidence:.2f}), without {b.oxidation_state:+.3g} "
                f"({b.oxidation_confidence:.2f})"
            )
    if options.list:
        say("\n" + "\n".join(others))


if __name__ == "__main__":
    main()
