"""What a match can tell, level by level: element, valence, family of compounds, compound.

Each level sums the probabilities of all candidates that share it, so a level may be sure while the
next is not. A level is decided where one value is likelier than all others together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from compute.matching import AlternativeShare
from spectradb.services.matching.groups import whole_valences

DECIDED = 0.5
_REACHED = 0.9  # of what compounds share, before the rest goes unnamed; convention
_MOST = 5
LevelName = Literal["element", "valence", "family", "compound"]


@dataclass(frozen=True)
class Seen:
    """A candidate with what its levels need."""

    probability: float
    absorber: str
    oxidation_state: float | None
    ligands: str
    coordination_number: int | None
    formula: str


@dataclass(frozen=True)
class CompoundShare:
    """Probability of a compound, summed over all that was computed or measured of it."""

    formula: str
    absorber: str
    oxidation_state: float | None
    probability: float


@dataclass(frozen=True)
class Level:
    """The likeliest value of one level.

    ``among`` names what it is undecided among, likeliest first; empty where it is decided.
    """

    level: LevelName
    value: str
    probability: float
    decided: bool
    among: list[str]


def compounds_of(seen: Sequence[Seen]) -> list[CompoundShare]:
    """Compounds, likeliest first."""
    total: defaultdict[tuple[str, str, float | None], float] = defaultdict(float)
    for one in seen:
        total[one.formula, one.absorber, one.oxidation_state] += one.probability
    found = [CompoundShare(*key, p) for key, p in total.items()]
    return sorted(found, key=lambda one: -one.probability)


def levels_of(seen: Sequence[Seen]) -> list[Level]:
    """From element to compound."""
    found = []
    for level in ("element", "valence", "family", "compound"):
        total: defaultdict[str, float] = defaultdict(float)
        for one in seen:
            for value, share in values_of(one, level).items():
                total[value] += share * one.probability
        ranked = sorted(total.items(), key=lambda pair: -pair[1])
        if not ranked:
            continue
        value, probability = ranked[0]
        decided = probability >= DECIDED
        found.append(Level(level, value, probability, decided, [] if decided else _among(ranked)))
    return found


def in_words(
    levels: Sequence[Level], alternatives: Sequence[AlternativeShare], none_of_these: float
) -> str:
    """One sentence: the finest level that is decided, and what the next is undecided among."""
    if none_of_these >= DECIDED:
        named = [one for one in alternatives if one.probability >= DECIDED]
        if named:
            return f"{described(named[0])} ({named[0].probability:.2f})"
        return f"none of the library's substances ({none_of_these:.2f})"
    told = [f"{one.value} ({one.probability:.2f})" for one in levels if one.decided]
    open_ = next((one for one in levels if not one.decided), None)
    words = told[-1] if told else "nothing is decided"
    if open_ is not None:
        words += f"; {open_.level} undecided among {', '.join(open_.among)}"
    return words


def described(one: AlternativeShare) -> str:
    """An alternative in words."""
    if one.name == "metal":
        return "a metal: no multiplet, the lines of a band"
    if one.name == "line":
        return "another edge: one line or a step, no L3 and L2"
    return f"a full 3d shell ({one.oxidation_state}+): no white line, a step"


def values_of(one: Seen, level: LevelName) -> dict[str, float]:
    """Values of a level and their shares; a mixed valence belongs to both its neighbours."""
    if level == "element":
        return {one.absorber: 1.0}
    if level == "compound":
        return {one.formula: 1.0}
    shares = whole_valences(one.oxidation_state)
    around = f" in {one.ligands}{one.coordination_number or ''}" if level == "family" else ""
    return {
        f"{one.absorber}{'' if valence is None else f' {valence}+'}{around}": share
        for valence, share in shares.items()
    }


def _among(ranked: Sequence[tuple[str, float]]) -> list[str]:
    """The likeliest values that together hold most of what all have."""
    total, reached, named = sum(p for _, p in ranked), 0.0, []
    for value, probability in ranked[:_MOST]:
        named.append(value)
        reached += probability
        if reached >= _REACHED * total:
            break
    return named
