"""The ridge of L2,3 spectra on the first page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from numpy.typing import ArrayLike

from spectradb.plots.figure import nice_ticks
from spectradb.plots.sparkline import thin

_W, _H = 2000, 1000
_LOW, _HIGH = -6.0, 22.0  # eV from the strongest line
_POINTS = 240


@dataclass
class RidgeLine:
    """One ion's spectrum: energy (n,) eV, intensity (n,), and where L3 ends and L2 begins, eV."""

    symbol: str
    valence: float
    energy: ArrayLike
    intensity: ArrayLike
    colour: str
    boundary: float | None = None


def draw_ridge(lines: list[RidgeLine]) -> SafeString:
    """Spectra one above another, energy counted from the strongest line, each to its own peak."""
    step = _H / len(lines)
    rise = min(1.35 * step, 320.0)  # tall enough to be read, low enough to leave the next one free
    curves, words = [], []
    for row, line in enumerate(lines):
        e = np.asarray(line.energy, dtype=float)
        y = np.asarray(line.intensity, dtype=float)
        l3 = y if line.boundary is None else np.where(e < line.boundary, y, -np.inf)
        x = e - e[int(np.argmax(l3))]
        inside = (x >= _LOW) & (x <= _HIGH)
        x, y = x[inside], y[inside] / y.max()
        kept = thin(x, y, _POINTS)
        px = np.rint((x[kept] - _LOW) / (_HIGH - _LOW) * _W).astype(int)
        base = step * (row + 1) - 0.1 * step
        py = np.rint(base - y[kept] * rise).astype(int)
        steps = " ".join(
            f"{dx} {dy}" for dx, dy in zip(np.diff(px), np.diff(py), strict=True)
        ).replace(" -", "-")
        curves.append(
            f'<path class="c k-{line.colour}" d="M{px[0]} {py[0]}l{steps}"'
            ' vector-effect="non-scaling-stroke"/>'
        )
        size = f"{line.valence:g}"
        words.append(
            f'<text class="ion" x="0" dx="-12" y="{base / _H * 100:.1f}%" dy="2" text-anchor="end">'
            f'{escape(line.symbol)}<tspan dy="-6" font-size="12">{size}+</tspan></text>'
        )
    axis = "".join(
        f'<text x="{(value - _LOW) / (_HIGH - _LOW) * 100:.2f}%" y="100%" dy="20"'
        f' text-anchor="middle">{_signed(value)}</text>'
        for value in nice_ticks(_LOW, _HIGH, 6)
    )
    return mark_safe(  # noqa: S308 (symbols are escaped, the rest are numbers)
        '<svg class="fig" aria-hidden="true"><svg width="100%" height="100%" overflow="visible"'
        f' viewBox="0 0 {_W} {_H}" preserveAspectRatio="none">{"".join(curves)}'
        f'<path class="zero" d="M0 {_H}H{_W}" vector-effect="non-scaling-stroke"/></svg>'
        f"{''.join(words)}{axis}</svg>"
    )


def _signed(value: float) -> str:
    return "0" if value == 0 else f"{value:+g}".replace("-", "−")
