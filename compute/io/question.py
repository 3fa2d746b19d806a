"""The question that an open element or edge puts to whoever knows the sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compute.edges import likely_edges
from compute.io.raw import Faults, RawSpectrum, ask_for_absorber


def with_question(spectrum: RawSpectrum) -> RawSpectrum:
    """The spectrum, its warnings ending in a question where element or edge is open.

    The edges near the steepest rise are named as a help; none of them is filled in.
    """
    if spectrum.axis_unit != "eV" or (spectrum.element and spectrum.edge):
        return spectrum
    faults = Faults()
    ask_for_absorber(spectrum.element, spectrum.edge, faults)
    text = faults.warnings[0]
    rise = steepest_rise(spectrum)
    near = likely_edges(rise, max(15.0, 0.004 * rise)) if rise is not None else []
    if spectrum.element:
        near = [edge for edge in near if edge.element == spectrum.element]
    if near:
        names = ", ".join(str(edge) for edge in near[:4])
        text += f" (the steepest rise is at {rise:.1f} eV, near {names})"
    return replace(spectrum, warnings=(*spectrum.warnings, text))


def steepest_rise(spectrum: RawSpectrum) -> float | None:
    """Energy of the largest slope over a few points, eV; None for fewer than 8 points."""
    x, y = spectrum.energy_ev, spectrum.intensity
    if x.size < 8:
        return None
    # The slope over four steps, so that one noisy point does not decide.
    with np.errstate(over="ignore", invalid="ignore"):
        slope = (y[4:] - y[:-4]) / (x[4:] - x[:-4])
    if not np.isfinite(slope).any():
        return None
    return float(x[2 + int(np.nanargmax(slope))])
