"""White lines of other elements that may lie among the edges that a library describes.

Lanthanum's M4 lies under nickel's L3, barium's M5 and M4 under cobalt's L3 and L2: of such a sample
the library describes a part, and what it tells may be the other element's.
"""

from __future__ import annotations

from collections.abc import Iterable

from compute.edges import SYMBOLS, Edge, edges_within
from compute.matching.l23 import BEFORE_EV, BEHIND_EV
from spectradb.filters.chemistry import elements_of
from spectradb.models import Kind
from spectradb.services.matching.groups import Group

# Elements with 4f to be filled, whose M5 and M4 are lines as strong as any L3, and those whose K
# leads to an open 2p shell.
_M45, _K = range(55, 71), range(5, 10)
_FAR_EV = 2.0  # four half widths of the law of instruments' shifts


def foreign_lines(group: Group) -> list[Edge]:
    """Strong white lines of other elements within the range that is compared, ascending."""
    if group.lines is None or group.kind != Kind.THEORY:
        return []
    low, high = group.lines.l3_ev - BEFORE_EV, group.lines.l2_ev + BEHIND_EV
    return [one for one in edges_within(low, high) if _strong(one)]


def overlaps_in_words(group: Group, shift_ev: float, formulas: Iterable[str]) -> list[str]:
    """A sentence of each such line where it has to be thought of.

    That is where the best candidate lies far from where it was computed, or where a candidate
    (``formulas``) holds the element.
    """
    held = {symbol for formula in formulas for symbol in elements_of(formula)}
    return [
        f"The {one.edge} edge of {one.element} near {one.energy_ev:.0f} eV lies among these edges: "
        f"if the sample holds {one.element}, what is told may be wrong."
        for one in foreign_lines(group)
        if abs(shift_ev) > _FAR_EV or one.element in held
    ]


def _strong(edge: Edge) -> bool:
    z = SYMBOLS.index(edge.element) + 1
    return (edge.edge in ("M4", "M5") and z in _M45) or (edge.edge == "K" and z in _K)
