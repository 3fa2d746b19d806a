"""A measured curve under the Multiplet page's line, brought onto its scale."""

from __future__ import annotations

import numpy as np
from django.utils.translation import gettext

from compute.edges import edge_energy
from spectradb.plots import Curve, Figure, nice_range
from spectradb.services.spectra.compare import best_shift, scaled
from spectradb.views.site.brought import File
from spectradb.views.spectra.figures import FloatArray, arrays, table_edge

_FAR_EV = 30.0  # beyond what an energy scale is off by: chemical shifts and calibration together


def lay_under(figure: Figure, file: File, element: str) -> str:
    """Draw a measured file below the computed line; how it was moved, in words.

    It is shifted to where it correlates best with the line and scaled to its own peak.

    Parameters
    ----------
    element
        The absorber of the computed line; a file far from its L3 is told.
    """
    row = file.spectrum
    energy, intensity = arrays(row)
    line = next(curve for curve in figure.curves if curve.role == "theory")
    x, y = line.arrays()
    near = table_edge(row)
    shape = scaled(energy, intensity, "peak", near)
    shift = best_shift(x, y, energy, shape)
    moved = energy + shift
    low, high = figure.x_range
    inside = (moved >= low) & (moved <= high)
    if inside.sum() < 2:
        return gettext("%s does not reach over these lines.") % file.name
    part = shape[inside]
    top = float(part.max()) or 1.0
    # Off the mark in a long scan's tail, the peak is that of what is shown.
    base = float(part.min())
    shown = (shape - base) / ((top - base) or 1.0)
    figure.curves.insert(0, Curve(file.name, moved, shown, "experiment", "ink", key=file.name))
    full = figure.x_full or figure.x_range
    figure.x_full = min(full[0], float(moved[0])), max(full[1], float(moved[-1]))
    figure.y_range = nice_range(0.0, max(1.0, float(shown[inside].max())), margin=0.08)
    words = gettext("%(name)s: from 0 to 1, its %(there)s eV laid on %(here)s eV.")
    peak = float(moved[inside][int(np.argmax(part))])
    told = {"name": file.name, "there": f"{peak - shift:.1f}", "here": f"{peak:+.1f}"}
    return (words % told).replace("-", "−") + _of_another_edge(energy, element)


def _of_another_edge(energy_ev: FloatArray, element: str) -> str:
    """A warning where the file's energies are far from L3 of the ion; empty where they hold it."""
    l3 = edge_energy(element, "L3")
    if l3 is None or energy_ev.min() - _FAR_EV <= l3 <= energy_ev.max() + _FAR_EV:
        return ""
    words = gettext("Its energies are far from %(edge)s (%(ev)s eV): it may be of another edge.")
    return " " + words % {"edge": f"{element} L3", "ev": f"{l3:.1f}"}
