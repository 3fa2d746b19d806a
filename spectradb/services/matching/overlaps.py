"""White lines of other elements that may lie among the edges that a library describes.

Lanthanum's M4 lies under nickel's L3, barium's M5 and M4 under cobalt's L3 and L2: of such a sample
the library describes a part, and what it tells may be the other element's.
"""

from __future__ import annotations

from collections.abc import Iterable

from compute.matching.l23 import foreign_lines
from spectradb.filters.chemistry import elements_of
from spectradb.models import Kind
from spectradb.services.matching.groups import Group

_FAR_EV = 2.0  # four half widths of the law of instruments' shifts


def overlaps_in_words(group: Group, shift_ev: float, formulas: Iterable[str]) -> list[str]:
    """A sentence of each such line where it has to be thought of.

    That is where the best candidate lies far from where it was computed, or where a candidate
    (``formulas``) holds the element.
    """
    if group.lines is None or group.kind != Kind.THEORY:
        return []
    held = {symbol for formula in formulas for symbol in elements_of(formula)}
    return [
        f"The {one.edge} edge of {one.element} near {one.energy_ev:.0f} eV lies among these edges: "
        f"if the sample holds {one.element}, what is told may be wrong."
        for one in foreign_lines(group.lines)
        if abs(shift_ev) > _FAR_EV or one.element in held
    ]
