"""What a plot holds, apart from how it is drawn.

``Figure.to_json`` feeds ``plots.js``; :func:`spectradb.plots.svg.draw` makes the first picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectradb.plots.sparkline import followed, thin

FloatArray = NDArray[np.float64]
Role = Literal["theory", "experiment", "fit", "peak", "line", "reference", "residual", "points"]
Range = tuple[float, float]

MAX_POINTS, ALL_POINTS = 1000, 3200  # of one curve, of all curves of a figure
MIN_POINTS, MIN_SAMPLES = 160, 400  # of one of many: of a smooth curve, of one with noise
SMOOTH = {"theory", "fit", "peak", "reference"}
COLOURS = ("s1", "s2", "s3", "s4", "s5", "s6")
DASHES = ("", "dash", "dot", "dashdot")


@dataclass
class Curve:
    """One curve: experiment is drawn as dots, everything else as a line.

    ``x`` is in eV, ascending; ``y`` in the unit of the figure; both (n,). ``colour`` is a token of
    the stylesheet (``s1`` … ``s6``, ``ink``), ``panel`` 1 the residual below.
    """

    name: str
    x: ArrayLike
    y: ArrayLike
    role: Role = "theory"
    colour: str = "s1"
    dash: str = ""
    panel: int = 0
    end_label: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        x, y = np.asarray(self.x, dtype=float), np.asarray(self.y, dtype=float)
        keep = np.isfinite(x) & np.isfinite(y)
        self.x, self.y = x[keep], y[keep]

    def arrays(self, points: int = MAX_POINTS) -> tuple[FloatArray, FloatArray]:
        """x and y thinned to at most ``points``."""
        x, y = np.asarray(self.x), np.asarray(self.y)
        if self.role in SMOOTH:
            kept = followed(x, y, points)
        else:
            kept = thin(x, y, max(points, MIN_SAMPLES))
        return x[kept], y[kept]


@dataclass
class Marker:
    """A dotted vertical with a name: an edge, E0."""

    x: float
    label: str


@dataclass
class Band:
    """A filled band of ``level`` standard deviations."""

    x: ArrayLike
    lower: ArrayLike
    upper: ArrayLike
    level: int = 1
    colour: str = "s1"
    name: str = ""


@dataclass
class Sticks:
    """Transitions: energies in eV and strengths, drawn up to 55 % of the height."""

    x: ArrayLike
    y: ArrayLike
    colour: str = "ink"
    key: str = ""


@dataclass
class Figure:
    """A plot with at most a residual panel below."""

    x_label: str
    y_label: str
    x_range: Range
    y_range: Range
    curves: list[Curve] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)
    sticks: Sticks | None = None
    markers: list[Marker] = field(default_factory=list)
    y_numbers: bool = True
    residual_label: str = ""
    residual_range: Range | None = None
    x_full: Range | None = None

    @property
    def points(self) -> int:
        """How many points a curve of it is sent with."""
        n = len(self.curves) or 1
        return max(MIN_POINTS, min(MAX_POINTS, ALL_POINTS // n))

    @property
    def panels(self) -> int:
        return 2 if self.residual_range else 1

    @property
    def named(self) -> bool:
        """Whether lines are named at their ends, so that no legend is needed."""
        return any(curve.end_label for curve in self.curves)

    def legend(self) -> list[dict[str, str]]:
        """Entries of the legend: one for each ``key`` of the curves, sticks and bands."""
        entries: dict[str, dict[str, str]] = {}
        for curve in self.curves:
            if curve.key and curve.panel == 0:
                dash = "dash" if curve.role in ("fit", "reference") else curve.dash
                entries.setdefault(
                    curve.key,
                    {"name": curve.key, "role": curve.role, "colour": curve.colour, "dash": dash},
                )
        for band in self.bands:
            if band.name:
                entry = {"name": band.name, "role": "band", "colour": band.colour, "dash": ""}
                entry["level"] = str(band.level)
                entries.setdefault(band.name, entry)
        if self.sticks is not None and self.sticks.key:
            entry = {"name": self.sticks.key, "role": "stick", "colour": "ink", "dash": ""}
            entries[self.sticks.key] = entry
        return list(entries.values())

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json_script``."""
        return {
            "x": {"label": self.x_label, "range": self.x_range, "full": self.x_full},
            "y": {"label": self.y_label, "range": self.y_range, "numbers": self.y_numbers},
            "residual": {"label": self.residual_label, "range": self.residual_range}
            if self.residual_range
            else None,
            "curves": [_curve_json(curve, self.points) for curve in self.curves],
            "bands": [
                {
                    "x": _rounded(band.x, 3),
                    "lower": _rounded(band.lower, 6),
                    "upper": _rounded(band.upper, 6),
                    "level": band.level,
                    "colour": band.colour,
                    "name": band.name,
                }
                for band in self.bands
            ],
            "sticks": _sticks_json(self),
            "markers": [{"x": marker.x, "label": marker.label} for marker in self.markers],
        }


def _curve_json(curve: Curve, points: int) -> dict[str, Any]:
    x, y = curve.arrays(points)
    return {
        "name": curve.name,
        "role": curve.role,
        "colour": curve.colour,
        "dash": curve.dash,
        "panel": curve.panel,
        "label": curve.end_label,
        "key": curve.key,
        "x": _rounded(x, 3),
        "y": _rounded(y, 6),
    }


def _sticks_json(figure: Figure) -> dict[str, Any] | None:
    if figure.sticks is None:
        return None
    x, y = stick_heights(figure)
    return {"x": _rounded(x, 3), "y": _rounded(y, 6), "colour": figure.sticks.colour}


def stick_heights(figure: Figure) -> tuple[FloatArray, FloatArray]:
    """Sticks inside the shown range above 1 ‰ of the tallest, scaled to 55 % of the top."""
    assert figure.sticks is not None
    x, y = np.asarray(figure.sticks.x, dtype=float), np.asarray(figure.sticks.y, dtype=float)
    lo, hi = figure.x_full or figure.x_range
    keep = (x >= lo) & (x <= hi)
    x, y = x[keep], y[keep]
    if y.size == 0 or y.max() <= 0:
        return x[:0], y[:0]
    keep = y >= 1e-3 * y.max()
    x, y = x[keep], y[keep]
    if y.size > 400:
        strongest = np.sort(np.argsort(y)[-400:])
        x, y = x[strongest], y[strongest]
    return x, y / y.max() * 0.55 * figure.y_range[1]


def _rounded(values: ArrayLike, digits: int) -> list[float]:
    """Energies to 3 decimals, intensities to 6 significant figures of the largest."""
    array = np.asarray(values, dtype=float)
    if digits > 3 and array.size:
        top = float(np.abs(array).max())
        digits = int(np.clip(5 - np.floor(np.log10(top)), 0, 12)) if top > 0 else 0
    rounded: list[float] = np.round(array, digits).tolist()
    return rounded


def nice_range(
    low: float, high: float, *, margin: float = 0.06, floor: float | None = 0.0
) -> Range:
    """A y range with room above, from ``floor`` unless the data goes below it."""
    span = (high - low) or abs(high) or 1.0
    bottom = low - margin * span
    if floor is not None and low >= floor - 0.02 * span:
        bottom = floor
    return bottom, high + margin * span


def nice_ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers inside a range, steps of 1, 2 or 5."""
    raw = (high - low) / max(about, 1)
    if not np.isfinite(raw) or raw <= 0:
        return []
    power = 10.0 ** np.floor(np.log10(raw))
    step = float(min((s * power for s in (1, 2, 5, 10)), key=lambda s: abs(s - raw)))
    first = int(np.ceil(low / step - 1e-9))
    last = int(np.floor(high / step + 1e-9))
    return [round(k * step, 12) for k in range(first, last + 1)]


def tick_text(value: float) -> str:
    """A tick's number with a true minus."""
    return f"{value:.10g}".replace("-", "−")
