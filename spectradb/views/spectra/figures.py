"""Figures made of rows: which curves, which names, which range."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from numpy.typing import NDArray

from compute.edges import edge_energy, members
from spectradb.formulae import as_written
from spectradb.models import Kind, Quantity, Spectrum
from spectradb.plots import Curve, Figure, Marker, draw, edge_window, nice_range
from spectradb.plots.figure import COLOURS, DASHES
from spectradb.services.spectra.compare import Aligned, align
from spectradb.views.spectra.describe import name_of

FloatArray = NDArray[np.float64]
Range = tuple[float, float]
MOST_NAMED = 6
"""Lines that are named at their ends; more have a legend."""
WIDEST_EV = 400.0
"""Curves further apart are not shown at once at first."""
_LEAST_GAP = 0.04  # of the height, between ends whose names stand beside their lines


@dataclass
class Plot:
    """A figure in a page: its element's id, its drawing, its legend, its words."""

    id: str
    figure: Figure
    label: str = ""
    size: str = ""

    @property
    def data_id(self) -> str:
        return f"{self.id}-data"

    @cached_property
    def drawing(self) -> SafeString:
        return draw(self.figure)

    @property
    def n_sticks(self) -> int:
        return 0 if self.figure.sticks is None else int(np.size(self.figure.sticks.x))

    @property
    def data(self) -> dict[str, Any]:
        return self.figure.to_json()


def energy_label(spectrum: Spectrum) -> str:
    if spectrum.technique.upper() in {"EELS", "ELNES"}:
        return gettext("Energy loss (eV)")
    return gettext("Photon energy (eV)")


def intensity_label(spectrum: Spectrum, norm: str) -> str:
    if norm == "peak":
        return gettext("Intensity (peak = 1)")
    if norm == "area":
        return gettext("Intensity (area = 1)")
    if norm == "normalised":
        return gettext("Normalised μ")
    return {
        Quantity.MU: gettext("μ, as measured"),
        Quantity.NORMALISED: gettext("Normalised μ"),
        Quantity.COUNTS: gettext("Counts"),
        Quantity.RADIAL: gettext("Intensity (radial integral = 1)"),
    }.get(Quantity(spectrum.quantity), gettext("Intensity (arbitrary units)"))


def table_edge(spectrum: Spectrum) -> float | None:
    """Tabulated energy of a spectrum's edge, eV; None where edge or energy are not known."""
    if not (spectrum.absorber and spectrum.edge):
        return None
    return edge_energy(spectrum.absorber, spectrum.edge)


def shown_range(energy: FloatArray, intensity: FloatArray, near: float | None = None) -> Range:
    """The part worth showing first: the edge of a long scan, the lines of a computed spectrum.

    ``near`` is the edge's tabulated energy, eV, where it is known.
    """
    lo, hi = edge_window(energy, intensity, near)
    inside = (energy >= lo) & (energy <= hi)
    e, y = energy[inside], intensity[inside]
    lit = np.flatnonzero(y > y.min() + 0.004 * (y.max() - y.min()))
    if lit.size and (lit[0] > 0 or lit[-1] < e.size - 1):
        lo, hi = max(lo, float(e[lit[0]]) - 1.0), min(hi, float(e[lit[-1]]) + 1.0)
    return (lo, hi) if hi > lo else (float(e[0]), float(e[-1]))


def edge_markers(absorber: str, edge: str, x_range: Range, *, shift: float = 0.0) -> list[Marker]:
    """Tabulated edges of the absorber inside the range, named."""
    if not absorber or not edge:
        return []
    found = []
    for name in members(edge):
        energy = edge_energy(absorber, name)
        if energy is None or not x_range[0] <= energy + shift <= x_range[1]:
            continue
        text = f"{name[0]}_{{{name[1:]}}}" if len(name) > 1 else f"{absorber} {name}"
        found.append(Marker(energy + shift, text))
    return found


def reaching_edge(absorber: str, edge: str, x_range: Range) -> Range:
    """The range, begun a little earlier where that brings the tabulated edge into sight."""
    energy = edge_energy(absorber, edge) if absorber and edge else None
    if energy is not None and x_range[0] - 15.0 <= energy < x_range[0]:
        return energy - 3.0, x_range[1]
    return x_range


def rich_formula(text: str) -> str:
    """A formula in the plots' own markup: ``TiO_{2}``."""

    return re.sub(r"(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)", r"_{\1}", as_written(text))


def style(position: int) -> tuple[str, str]:
    """Colour and dash of the nth line: six colours, then the same dashed, dotted, dash-dotted."""
    return COLOURS[position % 6], DASHES[min(position // 6, 3)]


def arrays(spectrum: Spectrum) -> tuple[FloatArray, FloatArray]:
    return np.asarray(spectrum.energy), np.asarray(spectrum.intensity)


def role_of(spectrum: Spectrum) -> str:
    return "experiment" if spectrum.kind == Kind.EXPERIMENT else "theory"


def overlay_figure(spectra: Sequence[Spectrum]) -> Figure:
    """Spectra over one another, each to its own maximum, named at the line ends."""
    curves = align([arrays(s) for s in spectra], [0.0] * len(spectra), scale="peak")
    return together(spectra, curves, offset=0.0, y_label=gettext("Intensity (peak = 1)"))


def together(
    spectra: Sequence[Spectrum],
    curves: Sequence[Aligned],
    *,
    offset: float,
    y_label: str,
    styles: Sequence[int] | None = None,
    x_label: str = "",
) -> Figure:
    """Curves of several spectra in one figure; ``offset`` lifts each above the one before.

    Lines are named at their ends while there are few and their ends lie apart; names of others
    stand in the legend alone, so that none covers another.
    """
    windows = [
        shown_range(
            c.energy, c.intensity, None if (at := table_edge(s)) is None else at + c.shift_ev
        )
        for s, c in zip(spectra, curves, strict=True)
    ]
    x_range = min(w[0] for w in windows), max(w[1] for w in windows)
    if x_range[1] - x_range[0] > WIDEST_EV:
        x_range = windows[0]
    drawn = []
    ends: list[float] = []
    top, bottom = -np.inf, np.inf
    for k, (spectrum, curve) in enumerate(zip(spectra, curves, strict=True)):
        colour, dash = style(styles[k] if styles else k)
        y = curve.intensity + k * offset
        inside = (curve.energy >= x_range[0]) & (curve.energy <= x_range[1])
        if inside.any():
            top, bottom = max(top, float(y[inside].max())), min(bottom, float(y[inside].min()))
            ends.append(float(y[inside][-1]))
        name = line_name(spectrum, spectra)
        shifted = f" {_signed(curve.shift_ev)} eV" if curve.shift_ev and not x_label else ""
        drawn.append(
            Curve(
                name + shifted,
                curve.energy,
                y,
                role=role_of(spectrum),  # type: ignore[arg-type]
                colour=colour,
                dash=dash,
                end_label=name + shifted if inside.any() else "",  # where no line is, none ends
                key=name + shifted,
            )
        )
    if not np.isfinite(top):
        bottom, top = 0.0, 1.0
    if _crowded(ends, len(drawn), top - bottom):
        for one in drawn:
            one.end_label = ""
    return Figure(
        x_label or energy_label(spectra[0]),
        y_label,
        x_range,
        nice_range(bottom, top),
        drawn,
        y_numbers=offset == 0,
        x_full=(
            float(min(c.energy[0] for c in curves)),
            float(max(c.energy[-1] for c in curves)),
        ),
    )


def line_name(spectrum: Spectrum, among: Sequence[Spectrum] = ()) -> str:
    """A line's name in the plots' markup; its number where another has the same formula."""
    if spectrum.pk is None:
        return spectrum.title
    own = name_of(spectrum)
    name = rich_formula(own) if spectrum.formula else own
    if [name_of(one) for one in among].count(own) > 1 and own != f"SDB-{spectrum.pk}":
        name += f", SDB-{spectrum.pk}"
    return name


def _crowded(ends: Sequence[float], n: int, height: float) -> bool:
    """Whether names at the line ends would not stand beside their lines."""
    if n > MOST_NAMED:
        return True
    if n < 3 or height <= 0:
        return False
    gaps = np.diff(np.sort(np.asarray(ends))) / height
    return bool(2 * (gaps < _LEAST_GAP).sum() >= n - 1)


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")
