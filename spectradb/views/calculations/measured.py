"""A measured curve under the Multiplet page's line, brought onto its scale."""

from __future__ import annotations

import numpy as np
from django.utils.translation import gettext

from spectradb.plots import Curve, Figure, nice_range
from spectradb.services.spectra.compare import best_shift, scaled
from spectradb.views.site.brought import File
from spectradb.views.spectra.figures import arrays, table_edge


def lay_under(figure: Figure, at: float, file: File) -> str:
    """Draw a measured file below the computed line; how it was moved, in words.

    It is shifted to where it correlates best with the line and scaled to its own peak.

    Parameters
    ----------
    at
        Energy of the computed line that is 0 on the figure's axis, eV.
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
    return (words % told).replace("-", "−")
