"""Where the pre-edge line and the post-edge polynomial are fitted, if nobody says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compute.edges import Edge, edge_energy, edges_within, members, normalise_element
from compute.errors import InputError
from compute.normalise.curve import FloatArray, Steps, scale_at

_USUAL = ("K", "L3", "L2", "L1", "M5", "M4", "M3")
_OWN_EV = 30.0  # edges nearer than this to E0 cannot be told from it
_MARGIN_EV = 40.0  # kept free before another edge; less where it is close
_AFTER_EV = 150.0  # and behind one, whose EXAFS dies away slowly; half the way where it is close
_EXAFS_EV, _END_EV = 60.0, 15.0  # no step is told from the data this near to E0, to their ends
_MERGE_EV = 30.0  # points of one step


@dataclass(frozen=True)
class Bounds:
    """What a normalisation may use.

    Attributes
    ----------
    low, high : float
        Absolute, eV: behind the edge before, before the edge behind.
    behind_edge : bool
        Whether another edge's EXAFS runs into the range before E0.
    before, behind : (float, str) or None
        The neighbouring edges or steps: eV, and what they are.
    warnings : tuple of str
        What set the limits, where it was not the end of the data.
    """

    low: float
    high: float
    behind_edge: bool
    before: tuple[float, str] | None
    behind: tuple[float, str] | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Other:
    """Another edge: its energy, and what it is called."""

    energy_ev: float
    name: str


def bounds(
    x: FloatArray,
    y: FloatArray,
    e0: float,
    *,
    element: str | None,
    edge: str | None,
    also: Sequence[str] = (),
) -> Bounds:
    """From edge to edge about E0.

    Parameters
    ----------
    x, y : (n,)
        eV; μ.
    e0 : float
        eV.
    element, edge : str or None
        The absorber's; its other edges bound the range.
    also : sequence of str
        Other elements of the sample, whose edges do as well.
    """
    others = [*_tabulated(x, e0, element, edge, also), *_seen(x, y, e0)]
    low, high, told = float(x[0]), float(x[-1]), []
    behind = min((o for o in others if o.energy_ev > e0), default=None, key=_energy)
    before = max((o for o in others if o.energy_ev < e0), default=None, key=_energy)
    if behind is not None:
        margin = min(_MARGIN_EV * scale_at(e0), 0.3 * (behind.energy_ev - e0))
        high = min(high, behind.energy_ev - margin)
        told.append(f"the post-edge range ends before {behind.name}")
    behind_edge = before is not None and before.energy_ev > e0 - 2 * _AFTER_EV * scale_at(e0)
    if before is not None:
        margin = min(_AFTER_EV * scale_at(e0), 0.5 * (e0 - before.energy_ev))
        if before.energy_ev + margin > max(low, e0 - 200.0):
            told.append(f"the pre-edge range begins behind {before.name}")
        low = max(low, before.energy_ev + margin)
    return Bounds(low, high, behind_edge, _pair(before), _pair(behind), tuple(told))


def _pair(one: _Other | None) -> tuple[float, str] | None:
    return None if one is None else (one.energy_ev, one.name)


def _energy(one: _Other) -> float:
    return one.energy_ev


def _tabulated(
    x: FloatArray, e0: float, element: str | None, edge: str | None, also: Sequence[str]
) -> list[_Other]:
    """Edges of the absorber and of the sample's other elements inside the data but for its own.

    An energy scale that is too low has the other edges too low as well.
    """
    table = edge_energy(element, edge) if element and edge else None
    shift = min(0.0, e0 - table) if table is not None else 0.0
    own = set(members(edge)) if edge else set()
    if table is not None and element is not None:  # hard L2 is no part of an "L" or "L23" at L3
        own = {m for m in own if abs((edge_energy(element, m) or np.inf) - table) < 100.0}
    found = [
        one
        for symbol in dict.fromkeys(_symbols(element, also))
        for one in edges_within(float(x[0]), float(x[-1]), element=symbol)
        if one.edge in _USUAL and not (symbol == element and one.edge in own)
    ]
    apart = [one for one in found if abs(one.energy_ev + shift - e0) > _OWN_EV]
    return [_Other(one.energy_ev + shift, _named(one)) for one in apart]


def _symbols(element: str | None, also: Sequence[str]) -> list[str]:
    symbols = [element] if element else []
    for text in also:
        symbol = normalise_element(text)
        if symbol is None:
            raise InputError("also", text, "no such element")
        symbols.append(symbol)
    return symbols


def _named(one: Edge) -> str:
    return f"{one.element} {one.edge} ({one.energy_ev:.0f} eV)"


def _seen(x: FloatArray, y: FloatArray, e0: float) -> list[_Other]:
    """Steps in the data that are none of E0's own structure."""
    steps, scale = Steps.of(x, y), scale_at(e0)
    main = float(np.interp(e0, x, steps.far))
    if not main > 0:
        return []
    # Beside the ends of the data the means beside a point hold too few others.
    clear = steps.foreign(main) & (x > x[0] + _END_EV) & (x < x[-1] - _END_EV)
    clear &= np.abs(x - e0) > _EXAFS_EV * scale
    places: list[_Other] = []
    groups = np.split(np.flatnonzero(clear), np.flatnonzero(np.diff(x[clear]) > _MERGE_EV) + 1)
    for group in groups:
        if group.size:
            at = float(x[group[np.argmax(np.abs(steps.rise[group]))]])
            places.append(_Other(at, f"a step in the data at {at:.0f} eV"))
    return places
