"""Figures of series: spectra of regions, components, fractions along an axis; maps as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext
from numpy.typing import NDArray

from spectradb.models import Quantity, Series, SeriesAnalysis
from spectradb.plots import Band, Curve, Figure, Marker, nice_range
from spectradb.plots.raster import Bytes, Range, Side, blended, coloured, limits
from spectradb.services.series.maps import Maps
from spectradb.services.series.overlay import Overlay
from spectradb.services.series.values import Picture, Region, Summed
from spectradb.views.series.describe import (
    axis_label,
    component_rich,
    map_words,
    quantity_words,
    region_words,
)
from spectradb.views.spectra.figures import edge_markers, style

Floats = NDArray[np.float64]
PHASES_KEY = "phases"
TRUSTS = ("", "none_of_these", "sigma")
_MOST_LINES = 12
_PHASES_SIGMA = 0.25


@dataclass(frozen=True)
class Drawn:
    """A map as a picture; ``values`` are empty where several phases lie over one another."""

    image: Bytes
    values: Floats | None
    scale: Range | None
    label: str
    phases: list[str]


def energy_label(row: Series) -> str:
    if row.technique.upper() in {"EELS", "ELNES"}:
        return gettext("Energy loss (eV)")
    return gettext("Photon energy (eV)")


def intensity_label(row: Series) -> str:
    return {
        Quantity.MU: gettext("μ, as measured"),
        Quantity.NORMALISED: gettext("Normalised μ"),
        Quantity.COUNTS: gettext("Counts"),
        Quantity.RADIAL: gettext("Intensity (radial integral = 1)"),
    }.get(Quantity(row.quantity), gettext("Intensity (arbitrary units)"))


def spectrum_figure(row: Series, parts: Sequence[tuple[Region, Summed]]) -> Figure:
    """The mean spectrum of one region, or of two with their difference below."""
    names = ["A", "B"][: len(parts)]
    curves = []
    top, bottom = -np.inf, np.inf
    for k, (name, (region, found)) in enumerate(zip(names, parts, strict=True)):
        words = f"{name}: {region_words(region, row)}"
        mean = found.mean
        curves.append(
            Curve(words, found.energy_ev, mean, "experiment", ("ink", "s2")[k], key=words)
        )
        if np.isfinite(mean).any():
            top, bottom = max(top, float(np.nanmax(mean))), min(bottom, float(np.nanmin(mean)))
    if not np.isfinite(top):
        bottom, top = 0.0, 1.0
    x_range = row.energy_min, row.energy_max
    figure = Figure(
        energy_label(row), intensity_label(row), x_range, nice_range(bottom, top), curves,
        markers=edge_markers(row.absorber, row.edge, x_range),
    )  # fmt: skip
    if len(parts) == 2:
        differ = parts[0][1].mean - parts[1][1].mean
        extent = float(np.nanmax(np.abs(differ))) if np.isfinite(differ).any() else 1.0
        curves.append(
            Curve("A − B", parts[0][1].energy_ev, differ, "residual", "s1", panel=1, key="A − B")
        )
        figure.residual_label = "A − B"
        figure.residual_range = (-1.15 * (extent or 1.0), 1.15 * (extent or 1.0))
    return figure


def overlay_figure(row: Series, found: Overlay) -> Figure:
    """A region as it was analysed, under the model of the maps or with the numbers found in it."""
    measured, words = gettext("As analysed"), gettext("Model")
    x, y = found.energy_ev, found.spectrum
    curves = [Curve(measured, x, y, "experiment", "ink", key=measured)]
    top, bottom = (float(np.nanmax(y)), float(np.nanmin(y))) if np.isfinite(y).any() else (1.0, 0.0)
    x_range = float(x[0]), float(x[-1])
    figure = Figure(
        energy_label(row), intensity_label(row), x_range, nice_range(bottom, top), curves
    )
    for name, value, err in found.places:
        text = f"{quantity_words(name)} {value:.2f}"
        figure.markers.append(Marker(value, f"{text} ± {err:.2f}" if np.isfinite(err) else text))
    figure.bands = [
        Band([low, high], [figure.y_range[0]] * 2, [top] * 2, 2, "s3", gettext("Window"))
        for low, high in found.windows
    ]
    if found.model is not None:
        curves.append(Curve(words, x, found.model, "fit", "s2", key=words))
        left = y - found.model
        extent = float(np.nanmax(np.abs(left))) if np.isfinite(left).any() else 1.0
        curves.append(Curve(gettext("Residual"), x, left, "residual", "ink", panel=1))
        figure.residual_label = gettext("Residual")
        figure.residual_range = (-1.15 * (extent or 1.0), 1.15 * (extent or 1.0))
    return figure


def components_figure(row: Series, maps: Maps) -> Figure | None:
    """The spectra that the analysis took or found; None for single numbers."""
    found = maps.curves()
    if not len(found.spectra):
        return None
    curves = [
        Curve(
            component_rich(name),
            found.energy_ev,
            values,
            "line",
            *style(k),
            key=component_rich(name),
        )
        for k, (name, values) in enumerate(
            zip(found.names[:_MOST_LINES], found.spectra, strict=False)
        )
    ]
    shown = found.spectra[:_MOST_LINES]
    return Figure(
        energy_label(row), gettext("Intensity (arbitrary units)"),
        (float(found.energy_ev[0]), float(found.energy_ev[-1])),
        nice_range(float(np.nanmin(shown)), float(np.nanmax(shown))), curves,
    )  # fmt: skip


def along_axis(row: Series, analysis: SeriesAnalysis, maps: Maps) -> list[tuple[str, Figure]]:
    """For one axis: the components with ±1 σ along it, and the probability of none of these.

    Values of different kinds (of *parameters*) have a figure each.
    """
    x = row.axis_values(0)
    order = np.argsort(x, kind="stable")
    x, label = x[order], axis_label(row.axes[0])
    x_range = (float(x[0]), float(x[-1])) if x[-1] > x[0] else (float(x[0]) - 0.5, float(x[0]) + 1)
    names = maps.components[:_MOST_LINES]
    together = analysis.method != "parameters"
    figures = []
    for group in [names] if together else [[name] for name in names]:
        curves: list[Curve] = []
        bands: list[Band] = []
        reach: list[float] = []
        for k, name in enumerate(group):
            value = maps.get(f"components/{name}/value")[order]
            err = maps.find(f"components/{name}/err")
            err = np.full(value.shape, np.nan) if err is None else err[order]
            colour, dash = style(k)
            words = component_rich(name)
            curves.append(Curve(words, x, value, "line", colour, dash, key=words))
            good = np.isfinite(value) & np.isfinite(err)
            if good.any():
                lower, upper = (value - err)[good], (value + err)[good]
                bands.append(Band(x[good], lower, upper, 1, colour))
                reach += [float(np.percentile(lower, 1)), float(np.percentile(upper, 99))]
            if np.isfinite(value).any():
                reach += [float(np.nanmin(value)), float(np.nanmax(value))]
        if not reach:
            continue
        words = map_words(f"components/{group[0]}/value", analysis.method)
        y_label = _y_label(analysis.method) if together else words
        if len(bands):
            bands[0].name = "±1 σ"
        figures.append(
            (y_label, Figure(label, y_label, x_range,
                             nice_range(min(reach), max(reach)), curves, bands))
        )  # fmt: skip
    none = maps.find("none_of_these")
    if none is not None and np.isfinite(none).any():
        words = map_words("none_of_these", analysis.method)
        figures.append(
            (words, Figure(label, gettext("Probability"), x_range, (0.0, 1.05),
                           [Curve(words, x, none[order], "line", "s4", key=words)]))
        )  # fmt: skip
    return figures


def _y_label(method: str) -> str:
    """Of the components of one analysis together."""
    if method == "library":
        return gettext("Probability")
    return gettext("Fraction") if method == "references" else gettext("Amount")


def opacity(maps: Maps, key: str, trust: str, frame: tuple[int, ...]) -> Floats | None:
    """How opaque each pixel is: less where something else is likely, or σ is large.

    ``none_of_these``: one less its probability. ``sigma``: 1/(1 + (σ/s)²), s a quarter of what the
    scale of the map reaches over; of phases over one another the largest σ, s a quarter.
    """
    if trust == "none_of_these":
        none = maps.find("none_of_these")
        return None if none is None or not np.isfinite(none).any() else 1 - none[frame]
    if trust == "sigma" and key == PHASES_KEY:
        errs = [maps.find(f"components/{name}/err") for name in maps.components]
        known = [one[frame] for one in errs if one is not None]
        worst = np.nanmax(known, axis=0) if known else None
        return None if worst is None else np.asarray(1 / (1 + (worst / _PHASES_SIGMA) ** 2))
    if trust == "sigma" and key.endswith("/value"):
        err = maps.find(key.removesuffix("value") + "err")
        if err is not None:
            low, high = scale_of(key, maps.get(key))
            found: Floats = 1 / (1 + (err[frame] / ((high - low) / 4)) ** 2)
            return found
    return None


def scale_of(key: str, values: Floats) -> Range:
    """What the colour scale of a map reaches over at first."""
    if key in ("none_of_these", "p_value"):
        return 0.0, 1.0
    starts = key.startswith("components/") or key in ("residual", "total")
    return limits(values, floor=0.0 if starts and np.nanmin(values, initial=0) >= -1e-12 else None)


def drawn_map(
    analysis: SeriesAnalysis, maps: Maps, key: str, trust: str, frame: tuple[int, ...]
) -> Drawn:
    """One map, or the phases over one another, over the last two axes."""
    if key == PHASES_KEY:
        names = maps.components
        shares = np.array([maps.get(f"components/{name}/value")[frame] for name in names])
        image = blended(shares, opacity(maps, key, trust, frame))
        return Drawn(image, None, None, gettext("Phases over one another"),
                     [component_rich(one) for one in names])  # fmt: skip
    values = maps.get(key)
    scale = scale_of(key, values)
    image = coloured(values[frame], scale, opacity(maps, key, trust, frame))
    return Drawn(image, values[frame], scale, map_words(key, analysis.method), [])


def sides(row: Series, found: Picture | None = None) -> tuple[Side, Side]:
    """What is down and what is across of a picture over the last two axes."""
    if len(row.shape) == 1:
        at = row.axis_values(0)
        down = Side(axis_label(row.axes[0]), float(at[0]), float(at[-1]), len(at))
        return down, Side(energy_label(row), row.energy_min, row.energy_max, row.n_channels)
    out = []
    for k in (-2, -1):
        axis = row.axes[k]
        out.append(Side(axis_label(axis), axis["first"], axis["last"], axis["size"]))
    return out[0], out[1]
