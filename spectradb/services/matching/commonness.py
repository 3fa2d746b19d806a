"""What is more likely to be measured, before looking at a spectrum.

Valences as their ions are usual. Within a valence, compounds of two elements before those of three
and more, whole formulas before solid solutions, and crystals that have been found before made
ones: as they are among measured K edges of the same elements (``python -m
tests.benchmarks.measured_kinds``; 32 compounds, no L2,3 spectrum among them), each taken by itself.
Of each ratio the root is taken: beamlines keep references, people bring samples as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp

from pymatgen.core import Composition

from compute.sites.redox import oxidises_ligands, prior_costs

VERSION = "commonness-2"  # a part of what indexes are known by
_BY_ELEMENTS = {1: 1.0, 2: 1.0, 3: 0.26}
_OF_MORE = 0.18
_MADE = 0.61
_MIXED = 0.37  # solid solutions, whose formula has fractions
_NEVER = 0.02  # made crystals whose metal would oxidise its ligands (NiBr4): not quite impossible
_LEAST = 0.01  # of a valence that nobody lists: the library holds it all the same


@dataclass(frozen=True)
class Substance:
    """A compound that holds an element in one valence.

    Attributes
    ----------
    ligands : str
        Elements bound to it, ``Cl-O``.
    made : bool
        Whether no such crystal has been found: a prototype alone.
    bare : bool
        Whether its cell lacks the hydrogen: Cu(OH)2 that is listed as CuO2.
    """

    element: str
    valence: float | None
    formula: str
    ligands: str
    made: bool
    bare: bool = False


def usual(element: str) -> dict[int, float]:
    """How usual the valences of an element are in compounds, the most usual 1."""
    costs = prior_costs(element, ("O",))
    least = min(costs.values())
    return {state: exp(0.5 * (least - cost)) for state, cost in costs.items()}


def valence_weight(element: str, valence: int | None) -> float:
    """Of a whole valence against the others of an element; 1 where it is not known."""
    return 1.0 if valence is None else max(usual(element).get(valence, 0.0), _LEAST)


def substance_weight(substance: Substance) -> float:
    """Of a substance against others of its valence."""
    try:
        composition = Composition(substance.formula)
    except ValueError:  # a formula that is none, of a person's record
        return _OF_MORE
    weight = _BY_ELEMENTS.get(len(composition) + substance.bare, _OF_MORE)
    if is_mixed(composition):
        weight *= _MIXED
    if substance.made:
        weight *= _MADE
        ligands = substance.ligands.split("-")
        if oxidises_ligands(substance.element, round(substance.valence or 0.0), ligands):
            weight *= _NEVER
    return weight


def lacks_hydrogen(findings: Sequence[Mapping[str, str]]) -> bool:
    """Whether what was told of a structure says that hydrogen is, or may be, missing from it."""
    return any("hydrogen" in one.get("text", "") for one in findings)


def is_mixed(composition: Composition) -> bool:
    """Whether a composition has fractions, as those of solid solutions do."""
    return any(abs(n - round(n)) > 1e-6 for n in composition.values())
