"""What a library holds too little of to tell whether it was measured.

Probabilities are of the candidates. Of a valence of which the library has two compounds the one
measured is often unlike both, and the answer is then the valence of the least unlike.
"""

from __future__ import annotations

from collections import defaultdict

from compute.ions import d_electrons
from spectradb.models import Kind
from spectradb.services.matching.commonness import usual
from spectradb.services.matching.groups import Group, whole_valences

# Compounds of a valence. With a whole family of compounds struck out of the library, the right
# valence came first in 17 of 100 queries where none of it was left, in about half where one or two
# were, in three quarters where there were more (docs/measurements/matching.md).
ENOUGH = 3
_USUAL = 0.3  # of the likeliest valence, by the root of how usual its ions are; a convention


def usual_valences(element: str) -> list[int]:
    """Valences with an open 3d shell that compounds of an element commonly have."""
    open_shell = {
        state: share
        for state, share in usual(element).items()
        if state >= 2 and (d_electrons(element, state) or 0) < 10
    }
    most = max(open_shell.values(), default=1.0)
    return sorted(state for state, share in open_shell.items() if share >= _USUAL * most)


def thin_in_words(group: Group) -> list[str]:
    """A sentence of each usual valence of which the library hardly holds a compound.

    Of computed 3d L2,3 edges; of others nothing is said.
    """
    if group.lines is None or group.kind != Kind.THEORY:
        return []
    count: defaultdict[int | None, float] = defaultdict(float)
    rows = group.rows().order_by().values_list("site__oxidation_state", "formula").distinct()
    for valence, _ in rows:
        for whole, share in whole_valences(valence).items():
            count[whole] += share
    return [
        _told(group.absorber, valence, round(count[valence]))
        for valence in usual_valences(group.absorber)
        if round(count[valence]) < ENOUGH
    ]


def _told(element: str, valence: int, n: int) -> str:
    held = {0: "no compound", 1: "only 1 compound"}.get(n, f"only {n} compounds")
    return (
        f"Of {element} {valence}+ the library holds {held}: that it was measured is not excluded."
    )
