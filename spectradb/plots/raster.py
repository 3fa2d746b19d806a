"""Maps as pictures: values to colours, several phases in one, PNG, and SVG with axes and scale."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.html import escape
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from spectradb.plots.figure import nice_ticks, tick_text
from spectradb.plots.svg import rich

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Range = tuple[float, float]

SCALE = ("440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b",
         "fde725")  # fmt: skip
"""Viridis (S. van der Walt, N. Smith, 2015; CC0), ten of its colours: even in lightness."""
PHASES = ("0068b0", "d55e00", "2a8a50", "b0508a", "6b4a00", "22303a")
"""Of phases laid over one another, those of lines in the light theme."""
_LEAST_SIZE = 512  # px of the longer side of a PNG; smaller maps are enlarged without blurring


def _rgb(colours: Sequence[str]) -> Floats:
    return np.array([[int(one[k : k + 2], 16) for k in (0, 2, 4)] for one in colours], float)


def table(colours: Sequence[str] = SCALE, n: int = 256) -> Bytes:
    """``n`` colours between those given, (n, 3)."""
    given = _rgb(colours)
    at = np.linspace(0, len(given) - 1, n)
    mixed = [np.interp(at, np.arange(len(given)), given[:, k]) for k in range(3)]
    return np.stack(mixed, axis=1).round().astype(np.uint8)


def limits(values: ArrayLike, *, floor: float | None = None) -> Range:
    """What the scale reaches over: all but the outermost half per cent on either side.

    ``floor`` is its lower end where nothing is below that.
    """
    found = np.asarray(values, float)
    found = found[np.isfinite(found)]
    if not found.size:
        return 0.0, 1.0
    low, high = (float(one) for one in np.percentile(found, (0.5, 99.5)))
    if floor is not None:
        low = floor if high > floor else low
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def coloured(values: ArrayLike, scale: Range, opacity: ArrayLike | None = None) -> Bytes:
    """Values (h, w) as RGBA; NaN is transparent. ``opacity`` (h, w) is 0 … 1."""
    found = np.asarray(values, float)
    low, high = scale
    with np.errstate(invalid="ignore"):
        place = np.clip((found - low) / (high - low), 0, 1)
    index = np.nan_to_num(place * 255).round().astype(int)
    alpha = np.ones(found.shape) if opacity is None else np.nan_to_num(np.asarray(opacity, float))
    alpha = np.where(np.isfinite(found), np.clip(alpha, 0, 1), 0)
    return np.dstack([table()[index], (alpha * 255).round().astype(np.uint8)])


def blended(shares: ArrayLike, opacity: ArrayLike | None = None) -> Bytes:
    """Phases over one another: the mean of their colours by their shares (k, h, w)."""
    parts = np.clip(np.nan_to_num(np.asarray(shares, float)), 0, None)
    total = parts.sum(axis=0)
    weights = parts / np.where(total > 0, total, 1)
    colours = _rgb([PHASES[k % len(PHASES)] for k in range(len(parts))])
    mixed = np.tensordot(weights, colours, axes=(0, 0))
    alpha = np.ones(total.shape) if opacity is None else np.nan_to_num(np.asarray(opacity, float))
    alpha = np.where(total > 0, np.clip(alpha, 0, 1), 0)
    return np.dstack([mixed.round(), alpha * 255]).round().astype(np.uint8)


def png(image: Bytes, *, least: int = _LEAST_SIZE) -> bytes:
    """RGBA (h, w, 4) as a PNG, its longer side at least so many px."""
    times = max(1, -(-least // max(image.shape[:2])))
    large = image.repeat(times, axis=0).repeat(times, axis=1)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(large)).save(out, "PNG", compress_level=3)
    return out.getvalue()


@dataclass(frozen=True)
class Side:
    """One side of a map: its words and what its first and last pixel stand for."""

    label: str
    first: float
    last: float
    n: int

    @property
    def ends(self) -> Range:
        """The outer edges of the first and the last pixel."""
        half = (self.last - self.first) / max(self.n - 1, 1) / 2 or 0.5
        return self.first - half, self.last + half


def standalone_map(
    image: Bytes,
    down: Side,
    across: Side,
    title: str,
    *,
    scale: Range | None = None,
    scale_label: str = "",
    phases: Sequence[str] = (),
) -> str:
    """A map as an SVG file: axes, and the colour scale or the names of the phases."""
    ratio = float(np.clip(image.shape[0] / image.shape[1], 0.3, 1.6))
    width, left, top = 520.0, 80.0, 44.0
    height = width * ratio
    data = b64encode(png(image, least=1)).decode()
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="740" height="{top + height + 64:.0f}"'
        f' viewBox="0 0 740 {top + height + 64:.0f}"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style>"
        '<rect width="100%" height="100%" fill="#fff"/>'
        f'<text class="title" x="{left}" y="26">{rich(title)}</text>'
        f'<image x="{left}" y="{top}" width="{width}" height="{height:.1f}"'
        ' preserveAspectRatio="none" style="image-rendering:pixelated"'
        f' href="data:image/png;base64,{data}"/>'
        f'<rect class="box" x="{left}" y="{top}" width="{width}" height="{height:.1f}"/>'
    ]
    low, high = sorted(across.ends)
    for value in nice_ticks(low, high, 6):
        x = left + (value - across.ends[0]) / (across.ends[1] - across.ends[0]) * width
        y = top + height
        parts.append(
            f'<path class="box" d="M{x:.1f} {y:.1f}v5"/><text x="{x:.1f}" y="{y + 20:.1f}"'
            f' text-anchor="middle">{tick_text(value)}</text>'
        )
    low, high = sorted(down.ends)
    for value in nice_ticks(low, high, 6):
        y = top + (value - down.ends[0]) / (down.ends[1] - down.ends[0]) * height
        parts.append(
            f'<path class="box" d="M{left} {y:.1f}h-5"/><text x="{left - 8}" y="{y + 4:.1f}"'
            f' text-anchor="end">{tick_text(value)}</text>'
        )
    parts.append(
        f'<text class="title" x="{left + width / 2}" y="{top + height + 44:.1f}"'
        f' text-anchor="middle">{rich(across.label)}</text>'
        f'<text class="title" text-anchor="middle" transform="translate(20'
        f' {top + height / 2:.1f}) rotate(-90)">{rich(down.label)}</text>'
    )
    if scale is not None:
        parts.append(_bar(scale, scale_label, left + width + 20, top, height))
    for k, name in enumerate(phases):
        y = top + 10 + 22 * k
        parts.append(
            f'<rect x="{left + width + 20}" y="{y}" width="14" height="14"'
            f' fill="#{PHASES[k % len(PHASES)]}"/>'
            f'<text x="{left + width + 40}" y="{y + 12}">{rich(name[:24])}</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def _bar(scale: Range, label: str, x: float, top: float, height: float) -> str:
    stops = "".join(
        f'<stop offset="{k / (len(SCALE) - 1):.3f}" stop-color="#{one}"/>'
        for k, one in enumerate(reversed(SCALE))
    )
    parts = [
        f'<linearGradient id="bar" x1="0" y1="0" x2="0" y2="1">{stops}</linearGradient>'
        f'<rect class="box" x="{x}" y="{top}" width="16" height="{height:.1f}"'
        ' style="fill:url(#bar)"/>'
    ]
    low, high = scale
    for value in nice_ticks(low, high, 5):
        y = top + (high - value) / (high - low) * height
        parts.append(f'<text x="{x + 22}" y="{y + 4:.1f}">{tick_text(value)}</text>')
    parts.append(
        f'<text class="title" text-anchor="middle" transform="translate({x + 92:.0f}'
        f' {top + height / 2:.1f}) rotate(90)">{rich(label)}</text>'
    )
    return "".join(parts)


_STYLE = """
text{font:13px "Source Sans 3","Noto Sans",sans-serif;fill:#46585f}text.title{fill:#10222b}
.box{fill:none;stroke:#7e8e96}
"""
