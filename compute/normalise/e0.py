"""The edge position: the steepest point of a rise that lasts, at the edge asked for.

The rule where a strong peak stands before the edge (V5+, Cr6+, Mn7+): a rise that falls back
below three quarters of its height before half of the edge step is reached for good is a pre-edge
peak, and E0 is sought behind it. The shoulders of metals and of Cu+, by whose first rise E0 is
defined (Bearden & Burr, Rev. Mod. Phys. 39 (1967) 125), fall back by less than a tenth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from compute.edges import edge_energy, likely_edges, members, normalise_edge, normalise_element
from compute.errors import InputError
from compute.normalise.curve import (
    BoolArray,
    FloatArray,
    Steps,
    checked_curve,
    noise_sigma,
    scale_at,
    slope_of,
    smoothed,
)

_BELOW = (20.0, 0.002)  # how far below the table an edge is sought: eV, share of its energy
_ABOVE = (35.0, 0.003)  # above: chemical shifts and white lines add to errors of the scale
_SOFT = 0.7  # times these below 2 keV, where edges lie closer and scales are surer
_FARTHER = 1.6  # times these where there is nothing within them
_FALLS_BACK = 0.75  # of its height: deeper, and a rise is a peak before the edge
_LEAST_PEAK = 0.02  # of the edge step: how far it falls back
_PEAK_EV = 35.0  # a pre-edge peak lies no farther below the edge
_START_EV, _END_EV = 12.0, 10.0  # nearer to the ends nothing can be called a step; if the edge is
# known, a quarter of the first
_HARD_EV = 2000.0  # softer K edges begin with their strong first peak


@dataclass(frozen=True)
class EdgePosition:
    """Where an edge is and how that was found.

    Attributes
    ----------
    e0_ev : float
    rule : str
        In words.
    pre_edge_peak_ev, pre_edge_peak_height : float or None
        Maximum of a peak before the edge, and its height as a share of the edge step.
    tabulated_ev : float or None
        Of the element and edge asked for.
    warnings : tuple of str
    """

    e0_ev: float
    rule: str
    pre_edge_peak_ev: float | None = None
    pre_edge_peak_height: float | None = None
    tabulated_ev: float | None = None
    warnings: tuple[str, ...] = ()


def find_e0(
    energy: ArrayLike,
    intensity: ArrayLike,
    *,
    element: str | None = None,
    edge: str | None = None,
    within: tuple[float, float] | None = None,
) -> float:
    """Energy of the edge, eV: `locate_edge` without its reasons."""
    return locate_edge(energy, intensity, element=element, edge=edge, within=within).e0_ev


def locate_edge(
    energy: ArrayLike,
    intensity: ArrayLike,
    *,
    element: str | None = None,
    edge: str | None = None,
    within: tuple[float, float] | None = None,
) -> EdgePosition:
    """The steepest rise that is followed by a lasting step.

    A spike rises steeply too, but the means over 4 to 25 eV on both sides of it agree. Candidates
    are the points where that difference reaches half of its largest value; among them the one with
    the largest slope, by a straight line through the points within 0.6 eV (more in noise, at least
    three), is refined by a parabola. Behind a pre-edge peak of a K edge above 2 keV, see above.

    Parameters
    ----------
    energy, intensity : (n,)
        eV, ascending; n ≥ 8.
    element, edge : str, optional
        The edge is sought near its tabulated energy: from 20 eV (0.2 %) below to 35 eV (0.3 %)
        above (14 and 25 eV below 2 keV), and if nothing is there, 1.6 times as far.
    within : (low, high), optional
        Only look between these energies, eV.

    Raises
    ------
    InputError
        If the curve cannot be used, has no point between ``within``, or has no edge there; the
        words say where its steepest step is instead.
    """
    x, y = checked_curve(energy, intensity)
    if np.ptp(y) == 0:
        raise InputError("intensity", float(y[0]), "is the same everywhere: there is no edge")
    symbol, name, table = _known(element, edge, x)
    before = None if table is None or within is not None else search_range(table, table)[0]
    steps = Steps.of(x, y, before)
    lasting = steps.lasting(float(np.abs(y).max()))
    if table is not None and within is None and not x[0] < table < x[-1]:
        reason = f"is tabulated at {table:.1f} eV, the data run from {x[0]:.1f} to {x[-1]:.1f} eV"
        raise InputError("e0", f"{symbol} {name}", reason)
    start = _START_EV if table is None else _START_EV / 4
    lasting &= (x > x[0] + start) & (x < x[-1] - _END_EV)
    if within is not None:
        found = lasting & _between(x, within)
    else:
        found = _near_table(x, lasting, table, name, symbol)
    if not found.any():
        raise _nothing(x, y, steps, lasting, symbol, name, table, within)
    best = steps.far[found].max()
    candidates = found & (steps.far >= 0.5 * best)
    slope = slope_of(x, y, candidates)
    first = int(np.flatnonzero(candidates)[np.argmax(slope[candidates])])
    where = f"{symbol} {name}" if table is not None else "in the data"
    rule = f"steepest rise of a lasting step {'near ' if table else ''}{where}"
    peak = height = None
    hard_k = x[first] > _HARD_EV and name in (None, "K")
    seen = _pre_edge(x, y, first) if hard_k else None
    if seen is not None:
        top, valley, height, depth = seen
        behind = found & (x > x[valley]) & (x < x[valley] + _PEAK_EV)
        if depth < _FALLS_BACK and behind.any():
            slope = slope_of(x, y, behind)
            first = int(np.flatnonzero(behind)[np.argmax(slope[behind])])
            rule = (
                f"steepest rise behind the pre-edge peak at {x[top]:.1f} eV, which falls back to "
                f"{100 * max(depth, 0.0):.0f} % of its height"
            )
        if x[top] < x[first]:
            peak = float(x[top])
    e0 = _refined(x, slope, first)
    return EdgePosition(
        e0_ev=e0,
        rule=rule,
        pre_edge_peak_ev=peak,
        pre_edge_peak_height=height if peak is not None else None,
        tabulated_ev=table,
        warnings=_far_off(e0, table, where) or _cut_off(x, y, found, lasting, first),
    )


def search_range(table: float, last: float, *, wider: float = 1.0) -> tuple[float, float]:
    """Where an edge tabulated at ``table`` (its last member at ``last``) may be, eV."""
    if table < _HARD_EV:
        wider *= _SOFT
    below, above = (max(ev, share * table) for ev, share in (_BELOW, _ABOVE))
    return table - wider * below, last + wider * above


def _known(
    element: str | None, edge: str | None, x: FloatArray
) -> tuple[str | None, str | None, float | None]:
    """Symbol, edge and tabulated energy; of an element alone, its edge that the data hold."""
    symbol = normalise_element(element) if element else None
    if element and symbol is None:
        raise InputError("element", element, "no such element")
    name = normalise_edge(edge) if edge else None
    if edge and name is None:
        raise InputError("edge", edge, "no such edge")
    if symbol is None:
        return None, name, None
    for one in (name,) if name else ("K", "L3", "M5", "L2", "L1", "M4", "M3"):
        energy = edge_energy(symbol, one)
        if energy is not None and (name is not None or x[0] < energy < x[-1]):
            return symbol, one, energy
    return symbol, name, None


def _between(x: FloatArray, within: tuple[float, float]) -> BoolArray:
    inside = (x >= within[0]) & (x <= within[1])
    if not inside.any():
        raise InputError("within", within, f"the data run from {x[0]:g} to {x[-1]:g} eV")
    return np.asarray(inside)


def _near_table(
    x: FloatArray, lasting: BoolArray, table: float | None, name: str | None, symbol: str | None
) -> BoolArray:
    if table is None or name is None or symbol is None:
        return lasting
    energies = [edge_energy(symbol, one) for one in members(name)]
    last = max(e for e in energies if e is not None)
    last = last if last - table < 100.0 else table  # hard L3 and L2 are edges of their own
    for wider in (1.0, _FARTHER):
        low, high = search_range(table, last, wider=wider)
        found = lasting & (x >= low) & (x <= high)
        if found.any():
            return np.asarray(found)
    return np.asarray(found)


def _nothing(
    x: FloatArray,
    y: FloatArray,
    steps: Steps,
    lasting: BoolArray,
    symbol: str | None,
    name: str | None,
    table: float | None,
    within: tuple[float, float] | None,
) -> InputError:
    """No edge where one was sought, in words."""
    span = f"the data from {x[0]:.1f} to {x[-1]:.1f} eV"
    if not lasting.any():
        return InputError("intensity", f"{x.size} points", f"{span} have no edge: no lasting step")
    strongest = np.where(lasting, steps.far, -np.inf)
    place = float(x[int(np.argmax(strongest))])
    near = ", ".join(str(one) for one in likely_edges(place, max(15.0, 0.002 * place))[:3])
    hint = f"the largest is at {place:.0f} eV" + (f" ({near})" if near else "")
    if table is not None:
        reason = f"{span} have no lasting step near {symbol} {name} ({table:.1f} eV); {hint}"
        return InputError("e0", f"{symbol} {name}", reason)
    return InputError("within", within, f"there is no lasting step between them; {hint}")


def _pre_edge(x: FloatArray, y: FloatArray, first: int) -> tuple[int, int, float, float] | None:
    """A peak before the edge: its top, the valley behind it, its height (in steps), and the
    valley's height over its own; None where nothing falls back visibly.
    """
    e0, scale = x[first], scale_at(float(x[first]))
    before = (x < e0 - 20.0 * scale) & (x > e0 - 200.0)
    after = (x > e0 + 20.0 * scale) & (x < e0 + 60.0 * scale)
    if before.sum() < 2 or after.sum() < 2:
        return None
    degree = 1 if before.sum() >= 5 and np.ptp(x[before]) > 25.0 else 0
    base = np.polyval(np.polyfit(x[before] - e0, y[before], degree), x - e0)
    level = float((y - base)[after].mean())
    if not level > 0:
        return None
    share = smoothed(x, (y - base) / level, 0.5)
    noise = 4.0 * noise_sigma(x, y) / level
    low = int(np.searchsorted(x, e0 - _PEAK_EV))
    end = int(np.searchsorted(x, e0 + _PEAK_EV))
    under = np.flatnonzero(share[low:end] < 0.5)
    if not under.size:
        return None
    part = share[low : low + int(under[-1]) + 1]
    highest = np.maximum.accumulate(part)
    drop = highest - part
    valley = int(np.argmax(drop))
    top = int(np.argmax(part[: valley + 1]))
    if drop[valley] < max(_LEAST_PEAK, noise):
        return None
    return low + top, low + valley, float(part[top]), float(part[valley] / part[top])


def _far_off(e0: float, table: float | None, where: str) -> tuple[str, ...]:
    if table is None:
        return ()
    low, high = search_range(table, table)
    if low <= e0 <= high:
        return ()
    return (
        f"E0 is {e0 - table:+.1f} eV from {where} ({table:.1f} eV): is the energy scale right?",
    )


def _cut_off(
    x: FloatArray, y: FloatArray, found: BoolArray, lasting: BoolArray, first: int
) -> tuple[str, ...]:
    """Whether the rise goes on, and steeper, where the edge was not sought."""
    for beyond in (first - 1, first + 1):
        if not 0 <= beyond < x.size or found[beyond] or not lasting[beyond]:
            continue
        slope = slope_of(x, y, lasting)
        if slope[beyond] > slope[first]:
            return (
                f"E0 is at {x[first]:.1f} eV, where the range in which it is sought ends, and the "
                "rise is steeper beyond: is the energy scale right?",
            )
    return ()


def _refined(x: FloatArray, slope: FloatArray, i: int) -> float:
    if not 0 < i < x.size - 1:
        return float(x[i])
    a, b, _ = np.polyfit(x[i - 1 : i + 2] - x[i], slope[i - 1 : i + 2], 2)
    if a >= 0:
        return float(x[i])
    shift = -b / (2 * a)
    return float(x[i] + shift) if x[i - 1] <= x[i] + shift <= x[i + 1] else float(x[i])
