"""A figure as SVG that stretches to its box without stretching its text or its strokes.

The outer ``<svg>`` has no viewBox, so words sit at percentages of the real box; curves live in
inner ones with ``preserveAspectRatio="none"`` and non-scaling strokes. Colours are classes of the
stylesheet, so that the dark theme needs no second drawing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from numpy.typing import NDArray

from spectradb.plots.figure import SMOOTH, Curve, Figure, nice_ticks, stick_heights, tick_text
from spectradb.plots.sparkline import followed, thin

if TYPE_CHECKING:
    from spectradb.plots.figure import FloatArray, Range

_W, _H = 4000, 2000
_SVG_POINTS = 400
_SMOOTH_POINTS = 200  # within 0.2 % of the height, less than a pixel
_DOT_GAP = 6.0  # px between dots, at the width below
_TYPICAL = (840.0, 340.0)
_LABEL_STEP = 4.2  # between names at the line ends, % of the height
_PANELS = {1: ((0.0, 100.0),), 2: ((0.0, 73.0), (81.0, 19.0))}


def draw(figure: Figure, *, x_ticks: int = 7, y_ticks: int = 6) -> SafeString:
    """The figure as one ``<svg class="fig">``; names are escaped."""
    parts = ['<svg class="fig" aria-hidden="true" focusable="false">']
    boxes = _PANELS[figure.panels]
    for panel, (top, height) in enumerate(boxes):
        y_range = figure.y_range if panel == 0 else figure.residual_range
        assert y_range is not None
        parts.append(_panel(figure, panel, top, height, y_range))
    parts.append(_x_axis(figure, x_ticks))
    for panel, (top, height) in enumerate(boxes):
        y_range = figure.y_range if panel == 0 else figure.residual_range
        assert y_range is not None
        ticks = y_ticks if panel == 0 else 2
        label = figure.y_label if panel == 0 else figure.residual_label
        parts.append(_y_axis(top, height, y_range, ticks, label, numbers=figure.y_numbers))
    parts += [_marker_label(figure, marker.x, marker.label) for marker in figure.markers]
    parts.append(_end_labels(figure, boxes[0][1]))
    parts.append("</svg>")
    return mark_safe("".join(parts))  # noqa: S308 (every name went through escape)


def _panel(figure: Figure, panel: int, top: float, height: float, y_range: Range) -> str:
    """One panel's box, grid and curves."""
    out = [
        f'<svg y="{top}%" width="100%" height="{height}%" viewBox="0 0 {_W} {_H}"'
        ' preserveAspectRatio="none" overflow="hidden">'
    ]
    stretch = ' vector-effect="non-scaling-stroke"'
    lines = "".join(
        f"M{_px(x, figure.x_range)} 0v{_H}" for x in nice_ticks(*figure.x_range, 7)
    ) + "".join(f"M0 {_py(y, y_range)}h{_W}" for y in nice_ticks(*y_range, 6 if panel == 0 else 2))
    out.append(f'<path class="grid" d="{lines}"{stretch}/>')
    if panel == 1:
        out.append(f'<path class="zero" d="M0 {_py(0, y_range)}h{_W}"{stretch}/>')
    if panel == 0:
        for band in figure.bands:
            out.append(_band(figure, band.x, band.lower, band.upper, band.level, band.colour))
        for marker in figure.markers:
            x = _px(marker.x, figure.x_range)
            out.append(f'<path class="marker" d="M{x} 0v{_H}"{stretch}/>')
        if figure.sticks is not None:
            px, py = _pixels(*stick_heights(figure), figure.x_range, y_range)
            pairs = zip(px.tolist(), py.tolist(), strict=True)
            d = "".join([f"M{x} {_H}V{y}" for x, y in pairs])
            out.append(f'<path class="stick" d="{d}"{stretch}/>')
    out += [
        _curve(curve, figure.x_range, y_range) for curve in figure.curves if curve.panel == panel
    ]
    out.append(f'<path class="box" d="M0 0H{_W}V{_H}H0Z"{stretch}/></svg>')
    return "".join(out)


def _curve(curve: Curve, x_range: Range, y_range: Range) -> str:
    x, y = visible(curve, x_range)
    if x.size < 2:
        return ""
    stretch = ' vector-effect="non-scaling-stroke"'
    colour = f"k-{curve.colour}"
    kept = followed(x, y, _SMOOTH_POINTS) if curve.role in SMOOTH else thin(x, y, _SVG_POINTS)
    d = _path(x[kept], y[kept], x_range, y_range)
    if curve.role == "points":
        marks = _dots(np.asarray(curve.x), np.asarray(curve.y), x_range, y_range)
        return f'<path class="dots cloud {colour}" d="{marks}"{stretch}/>'
    if curve.role in ("experiment", "residual"):
        if curve.role == "residual":
            return f'<path class="c thin {colour}" d="{d}"{stretch}/>'
        apart = spaced(x, y, x_range, y_range, _TYPICAL, _DOT_GAP)
        marks = _dots(x[apart], y[apart], x_range, y_range)
        return (
            f'<path class="hair {colour}" d="{d}"{stretch}/>'
            f'<path class="dots {colour}" d="{marks}"{stretch}/>'
        )
    if curve.role == "peak":
        zero = _py(max(0.0, y_range[0]), y_range)
        closed = f"{d}L{_px(x[-1], x_range)} {zero}L{_px(x[0], x_range)} {zero}Z"
        fill = f"f-{curve.colour}"
        return f'<path class="c peak {colour} {fill}" d="{closed}"{stretch}/>'
    dash = "dash" if curve.role in ("fit", "reference") and not curve.dash else curve.dash
    return f'<path class="c {dash} {colour}" d="{d}"{stretch}/>'


def _band(figure: Figure, x: object, lower: object, upper: object, level: int, colour: str) -> str:
    xs = np.asarray(x, dtype=float)
    lo, hi = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    there = _path(xs, hi, figure.x_range, figure.y_range)
    back = _path(xs[::-1], lo[::-1], figure.x_range, figure.y_range).replace("M", "L", 1)
    return f'<path class="b{level} f-{colour}" d="{there}{back}Z"/>'


def _x_axis(figure: Figure, ticks: int) -> str:
    lo, hi = figure.x_range
    out = []
    for value in nice_ticks(lo, hi, ticks):
        at = (value - lo) / (hi - lo) * 100
        out.append(
            f'<text x="{at:.2f}%" y="100%" dy="20" text-anchor="middle">{tick_text(value)}</text>'
        )
    out.append(
        '<text class="title" x="50%" y="100%" dy="42" text-anchor="middle">'
        f"{rich(figure.x_label)}</text>"
    )
    return "".join(out)


def _y_axis(
    top: float, height: float, y_range: Range, ticks: int, label: str, *, numbers: bool
) -> str:
    lo, hi = y_range
    out = []
    if numbers:
        for value in nice_ticks(lo, hi, ticks):
            at = top + (1 - (value - lo) / (hi - lo)) * height
            out.append(
                f'<text x="0" dx="-8" y="{at:.2f}%" dy="4" text-anchor="end">'
                f"{tick_text(value)}</text>"
            )
    middle = top + height / 2
    # A nested svg moves the origin to the middle of the panel, so that the turn is about it.
    out.append(
        f'<svg x="0" y="{middle:.2f}%" overflow="visible"><text class="title"'
        f' transform="translate(-54) rotate(-90)" text-anchor="middle">{rich(label)}</text></svg>'
    )
    return "".join(out)


def _marker_label(figure: Figure, x: float, label: str) -> str:
    lo, hi = figure.x_range
    if not lo <= x <= hi:
        return ""
    at = (x - lo) / (hi - lo) * 100
    return f'<text x="{at:.2f}%" y="0" dx="6" dy="16" font-size="12">{rich(label)}</text>'


def _end_labels(figure: Figure, height: float) -> str:
    """Names at the line ends, 4.2 % of the height apart at least and none below the axis."""
    placed: list[tuple[float, Curve]] = []
    lo, hi = figure.y_range
    for curve in figure.curves:
        if not curve.end_label:
            continue
        x, y = visible(curve, figure.x_range)
        if y.size:
            placed.append(((1 - (y[-1] - lo) / (hi - lo)) * height, curve))
    placed.sort(key=lambda pair: pair[0])
    at = [position for position, _ in placed]
    for n in range(1, len(at)):
        at[n] = max(at[n], at[n - 1] + _LABEL_STEP)
    lowest = height
    for n in reversed(range(len(at))):
        at[n] = min(at[n], lowest)
        lowest = at[n] - _LABEL_STEP
    return "".join(
        f'<text class="end-label t-{curve.colour}" x="100%" dx="10" y="{y:.2f}%" dy="4">'
        f"{rich(curve.end_label)}</text>"
        for y, (_, curve) in zip(at, placed, strict=True)
    )


def visible(curve: Curve, x_range: Range) -> tuple[FloatArray, FloatArray]:
    """The part of a curve in the range, with one neighbour on either side."""
    x, y = np.asarray(curve.x, dtype=float), np.asarray(curve.y, dtype=float)
    first = max(0, int(np.searchsorted(x, x_range[0])) - 1)
    last = min(x.size, int(np.searchsorted(x, x_range[1])) + 1)
    return x[first:last], y[first:last]


def spaced(
    x: FloatArray,
    y: FloatArray,
    x_range: Range,
    y_range: Range,
    size: tuple[float, float],
    gap: float,
) -> list[int]:
    """Indices of points at least ``gap`` px apart along the curve in a box of ``size`` px."""
    # Each depends on the one kept before: plain numbers, of which NumPy's take ten times as long.
    px = ((x - x_range[0]) / (x_range[1] - x_range[0]) * size[0]).tolist()
    py = ((y - y_range[0]) / (y_range[1] - y_range[0]) * size[1]).tolist()
    kept, last, least = [0], 0, gap * gap
    for k in range(1, len(px)):
        across, up = px[k] - px[last], py[k] - py[last]
        if across * across + up * up >= least:
            kept.append(k)
            last = k
    return kept


def _path(x: FloatArray, y: FloatArray, x_range: Range, y_range: Range) -> str:
    px, py = _pixels(x, y, x_range, y_range)
    pairs = zip(np.diff(px).tolist(), np.diff(py).tolist(), strict=True)
    steps = " ".join([f"{dx} {dy}" for dx, dy in pairs]).replace(" -", "-")
    return f"M{px[0]} {py[0]}l{steps}"


def _dots(x: FloatArray, y: FloatArray, x_range: Range, y_range: Range) -> str:
    """A dot at each point, as lines of no length with round ends."""
    px, py = _pixels(x, y, x_range, y_range)
    return "".join([f"M{a} {b}h0" for a, b in zip(px.tolist(), py.tolist(), strict=True)])


def _pixels(
    x: FloatArray, y: FloatArray, x_range: Range, y_range: Range
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Points in the units of a panel's box."""
    px = np.rint((x - x_range[0]) / (x_range[1] - x_range[0]) * _W).astype(np.intp)
    py = np.rint((1 - (y - y_range[0]) / (y_range[1] - y_range[0])) * _H).astype(np.intp)
    return px, py


def plain(text: str) -> str:
    """The text of :func:`rich` without its markup."""
    return re.sub(r"[_^]\{([^}]*)\}", r"\1", text)


def rich(text: str) -> str:
    """Escaped text in which ``_{…}`` is lowered and ``^{…}`` raised."""
    out = []
    for part in re.split(r"([_^]\{[^}]*\})", text):
        if part[:2] in ("_{", "^{") and part.endswith("}"):
            shift = 4 if part[0] == "_" else -5
            inner = escape(part[2:-1])
            out.append(f'<tspan dy="{shift}" font-size=".75em">{inner}</tspan>')
            out.append(f'<tspan dy="{-shift}">\u200b</tspan>')
        else:
            out.append(escape(part))
    return "".join(out)


def _px(x: float, x_range: Range) -> int:
    return round((x - x_range[0]) / (x_range[1] - x_range[0]) * _W)


def _py(y: float, y_range: Range) -> int:
    return round((1 - (y - y_range[0]) / (y_range[1] - y_range[0])) * _H)
