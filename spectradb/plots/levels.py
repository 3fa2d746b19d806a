"""Energy levels of the initial state, grouped where they lie close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from numpy.typing import ArrayLike

from spectradb.plots.figure import nice_ticks, tick_text

_COLUMNS = 3
_SAME_EV = 1e-4


@dataclass(frozen=True)
class Group:
    """Levels closer to one another than the gaps around them: how many states, from … to eV."""

    energies: tuple[float, ...]

    @property
    def low(self) -> float:
        return self.energies[0]

    @property
    def high(self) -> float:
        return self.energies[-1]


def grouped(energies: ArrayLike) -> list[Group]:
    """Split sorted levels at gaps above a tenth of their span, at least 20 meV.

    Parameters
    ----------
    energies : (n,)
        eV above the ground state.
    """
    e = np.sort(np.asarray(energies, dtype=float))
    if e.size == 0:
        return []
    gap = max(0.02, 0.1 * float(e[-1] - e[0]))
    cuts = np.flatnonzero(np.diff(e) > gap) + 1
    return [Group(tuple(part.tolist())) for part in np.split(e, cuts)]


def draw_levels(groups: list[Group], names: list[str], labels: list[str]) -> SafeString:
    """Levels as short lines, degenerate ones side by side, each group named at its right.

    Parameters
    ----------
    names
        Term symbol of each group in the plots' markup (``^{3}A_{2}``), empty where unknown.
    labels
        Words for each group, e.g. ``3 states, 0.00 eV``.
    """
    from spectradb.plots.svg import rich

    top = max(group.high for group in groups)
    top = top * 1.12 if top > 0.005 else 0.1

    def y(energy: float) -> float:
        return (1 - energy / top) * 100

    parts = ['<svg class="fig" aria-hidden="true" focusable="false">']
    parts.append('<line class="zero" x1="0" x2="0" y1="0" y2="100%"/>')
    for tick in nice_ticks(0, top, 5):
        parts.append(
            f'<line class="zero" x1="-5" x2="0" y1="{y(tick):.2f}%" y2="{y(tick):.2f}%"/>'
            f'<text x="0" dx="-10" y="{y(tick):.2f}%" dy="4" text-anchor="end">'
            f"{tick_text(tick)}</text>"
        )
    for group in groups:
        column, last = 0, -1.0
        for energy in group.energies:
            column = column + 1 if energy - last < max(_SAME_EV, 0.004 * top) else 0
            last = energy
            x = 5 + (column % _COLUMNS) * 11
            parts.append(
                f'<line class="c k-s1" x1="{x}%" x2="{x + 9}%" y1="{y(energy):.2f}%"'
                f' y2="{y(energy):.2f}%"/>'
            )
    floor = 1e9
    for group, name, label in sorted(
        zip(groups, names, labels, strict=True), key=lambda one: one[0].low
    ):
        middle = min((y(group.low) + y(group.high)) / 2, floor)
        floor = middle - 8
        parts.append(
            f'<line class="zero" x1="42%" x2="42%" y1="{y(group.low) + 1:.2f}%"'
            f' y2="{y(group.high) - 1:.2f}%"/>'
        )
        if name:
            parts.append(
                f'<text class="title" x="44%" y="{middle:.2f}%" dy="5">{rich(name)}</text>'
            )
        parts.append(
            f'<text x="{54 if any(names) else 44}%" y="{middle:.2f}%" dy="5">{escape(label)}</text>'
        )
    parts.append(
        '<svg x="0" y="50%" overflow="visible"><text class="title" text-anchor="middle"'
        f' transform="translate(-42) rotate(-90)">{gettext("Energy (eV)")}</text></svg></svg>'
    )
    return mark_safe("".join(parts))  # noqa: S308 (labels are escaped)
