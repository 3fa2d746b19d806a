"""The plot of one spectrum: scale, sticks, fit, residual, overlay, each said in words."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from django.utils.translation import gettext
from numpy.typing import NDArray

from compute.errors import InputError
from compute.peaks import Peak as FittedPeak
from spectradb.formulae import edge_text
from spectradb.models import Kind, Peak, PeakFit, Spectrum
from spectradb.plots import Curve, Figure, Marker, Sticks, nice_range
from spectradb.services.spectra.compare import best_shift, scaled
from spectradb.services.spectra.normalise import Normalised, normalise
from spectradb.views.spectra.describe import name_of
from spectradb.views.spectra.figures import (
    arrays,
    edge_markers,
    energy_label,
    intensity_label,
    reaching_edge,
    rich_formula,
    role_of,
    shown_range,
    table_edge,
)

FloatArray = NDArray[np.float64]


@dataclass
class Options:
    """What the plot shows, as the address says it."""

    norm: str
    sticks: bool = True
    fit: bool = True
    residual: bool = True
    full: bool = False
    align: bool = False
    shift_ev: float = 0.0
    overlay: int | None = None
    lines: bool = True
    notes: list[str] = field(default_factory=list)


def spectrum_figure(
    shown: Spectrum, options: Options, fit: PeakFit | None, overlay: Spectrum | None
) -> Figure:
    """The main plot. Whatever was done to a curve is said in its name."""
    energy, raw = arrays(shown)
    treated = _treated(shown, options)
    if treated is not None:
        return _treated_figure(shown, treated, options, overlay)
    factor, base = _normalisation(shown, options.norm)
    intensity = (raw - base) * factor
    x_full = float(energy[0]), float(energy[-1])
    x_range = x_full if options.full else shown_range(energy, raw, table_edge(shown))
    x_range = reaching_edge(shown.absorber, shown.edge, x_range)
    kind = gettext("Experiment") if shown.kind == Kind.EXPERIMENT else gettext("Theory")
    colour = "ink" if shown.kind == Kind.EXPERIMENT else "s1"
    main = Curve(kind, energy, intensity, role_of(shown), colour, key=kind)  # type: ignore[arg-type]
    inside = (energy >= x_range[0]) & (energy <= x_range[1])
    top, bottom = float(intensity[inside].max()), float(intensity[inside].min())
    figure = Figure(
        energy_label(shown),
        intensity_label(shown, options.norm),
        x_range,
        (0, 1),
        x_full=x_full if not options.full and x_full != x_range else None,
    )
    model = fit_curve(shown, fit) if options.fit or options.residual else None
    if fit is not None and options.fit:
        figure.curves += _peak_curves(fit, energy, factor, x_range)
    figure.curves.append(main)
    if model is not None and options.fit:
        figure.curves.append(
            Curve(gettext("Fit"), energy, (model - base) * factor, "fit", "s2", key=gettext("Fit"))
        )
    if model is not None and options.residual:
        residual = (raw - model) * factor
        figure.curves.append(
            Curve(gettext("Residual"), energy, residual, "residual", "s2", panel=1)
        )
        extent = float(np.nanmax(np.abs(residual[inside]))) or 1.0
        figure.residual_label = gettext("Residual")
        figure.residual_range = (-1.15 * extent, 1.15 * extent)
    if overlay is not None:
        curve, high = _overlay_curve(shown, overlay, options, energy, intensity, inside)
        figure.curves.append(curve)
        top = max(top, high)
    figure.y_range = nice_range(bottom, top)
    calculation = shown.calculation
    if options.sticks and calculation is not None and calculation.sticks is not None:
        sticks = np.asarray(calculation.sticks)
        figure.sticks = Sticks(_absolute(sticks[:, 0], shown), sticks[:, 1], key=gettext("Sticks"))
    figure.markers = edge_markers(shown.absorber, shown.edge, x_range)
    if shown.kind == Kind.EXPERIMENT and options.norm == "raw" and options.lines:
        figure.curves += _lines_of(shown)
    return figure


def caption(shown: Spectrum, figure: Figure) -> str:
    """One sentence for those who do not see the plot: kind, edge, range, highest point."""
    energy, intensity = arrays(shown)
    lo, hi = figure.x_range
    inside = (energy >= lo) & (energy <= hi)
    at = float(energy[inside][int(np.argmax(intensity[inside]))])
    words = {
        "kind": gettext("Measured") if shown.kind == Kind.EXPERIMENT else gettext("Computed"),
        "edge": f"{shown.absorber} {edge_text(shown.edge)}".strip(),
        "name": name_of(shown),
        "lo": f"{lo:.0f}",
        "hi": f"{hi:.0f}",
        "at": f"{at:.1f}",
        "n": int(inside.sum()),
    }
    return (
        gettext(
            "%(kind)s %(edge)s spectrum of %(name)s, %(lo)s to %(hi)s eV, %(n)d points, "
            "highest at %(at)s eV."
        )
        % words
    )


def fit_curve(shown: Spectrum, fit: PeakFit | None) -> FloatArray | None:
    """The fitted model on the spectrum's own grid, NaN outside the fitted range.

    The fit keeps data − model on the points it used, so no line shape is computed again.
    """
    if fit is None or fit.residual is None:
        return None
    energy, intensity = arrays(shown)
    lo = fit.range_lo if fit.range_lo is not None else energy[0]
    hi = fit.range_hi if fit.range_hi is not None else energy[-1]
    used = np.flatnonzero((energy >= lo) & (energy <= hi))
    residual = np.asarray(fit.residual)
    if used.size != residual.size:
        return None
    model = np.full(energy.shape, np.nan)
    model[used] = intensity[used] - residual
    return model


def _treated(shown: Spectrum, options: Options) -> Normalised | None:
    """The normalised curve where it is asked for and can be had; else a note says why not."""
    if shown.kind != Kind.EXPERIMENT or options.norm != "normalised":
        return None
    try:
        return normalise(shown)
    except InputError as error:
        options.notes.append(gettext("Shown as measured: %s") % error)
        return None


def _treated_figure(
    shown: Spectrum, treated: Normalised, options: Options, overlay: Spectrum | None
) -> Figure:
    """The plot of a normalised measurement; the parameters are told beside it."""
    e, y = treated.energy, treated.intensity
    x_full = float(e[0]), float(e[-1])
    x_range = x_full if options.full else shown_range(e, y, table_edge(shown))
    inside = (e >= x_range[0]) & (e <= x_range[1])
    label = gettext("Normalised μ") if treated.unit == "step" else gettext("Intensity (area = 1)")
    kind = gettext("Experiment")
    figure = Figure(
        energy_label(shown),
        label,
        x_range,
        (0, 1),
        [Curve(kind, e, y, "experiment", "ink", key=kind)],
        markers=edge_markers(shown.absorber, shown.edge, x_range),
        x_full=x_full if not options.full and x_full != x_range else None,
    )
    top, bottom = float(y[inside].max()), float(y[inside].min())
    if overlay is not None:
        curve, high = _overlay_curve(shown, overlay, options, e, y, inside)
        figure.curves.append(curve)
        top = max(top, high)
    figure.y_range = nice_range(bottom, top)
    if treated.e0 is not None:
        figure.markers = [Marker(treated.e0, f"E_{{0}} {treated.e0:.1f} eV")]
        if (peak := treated.numbers["pre_edge_peak"]) is not None:
            figure.markers.append(Marker(peak, gettext("pre-edge peak")))
    options.notes += _told(treated)
    return figure


def _told(treated: Normalised) -> list[str]:
    """The parameters in words, what of them was stated, and what was odd."""
    told = []
    if treated.e0 is not None:
        pre, post = treated.numbers["pre"], treated.numbers["post"]
        words = gettext(
            "E0 %(e0)s eV, edge step %(step)s; pre-edge line %(a)s to %(b)s, "
            "post-edge curve %(c)s to %(d)s eV from E0"
        )
        told.append(
            words
            % {
                "e0": f"{treated.e0:.1f}",
                "step": f"{treated.numbers['step']:.4g}",
                "a": f"{pre[0]:.0f}".replace("-", "−"),
                "b": f"{pre[1]:.0f}".replace("-", "−"),
                "c": f"{post[0]:.0f}",
                "d": f"{post[1]:.0f}",
            }
        )
    elif treated.numbers.get("background"):
        lo, hi = treated.numbers["background"]
        power = treated.numbers["power_law"]
        words = (
            gettext("Power-law background from %(lo)s to %(hi)s eV subtracted")
            if power is not None and power[1]
            else gettext("Constant background from %(lo)s to %(hi)s eV subtracted")
        )
        told.append(words % {"lo": f"{lo:.0f}", "hi": f"{hi:.0f}"})
    if treated.stated:
        told.append(gettext("stated by a person: %s") % ", ".join(treated.stated))
    return [*told, *treated.warnings]


def _lines_of(shown: Spectrum) -> list[Curve]:
    try:
        return fitted_lines(shown, normalise(shown))
    except InputError:
        return []


def fitted_lines(shown: Spectrum, found: Normalised) -> list[Curve]:
    """Pre- and post-edge lines, or the background, over the raw data."""
    words = {
        "pre": gettext("Pre-edge line"),
        "post": gettext("Post-edge curve"),
        "background": gettext("Background"),
    }
    curves = []
    for k, (name, line) in enumerate(found.lines.items()):
        if not np.any(line):
            continue
        x = np.asarray(shown.energy) if line.size == shown.n_points else found.energy
        keep = x >= found.e0 if name == "post" and found.e0 else np.ones(x.shape, dtype=bool)
        curves.append(
            Curve(words[name], x[keep], line[keep], "fit", ("s2", "s3")[k % 2], key=words[name])
        )
    return curves


def _normalisation(shown: Spectrum, norm: str) -> tuple[float, float]:
    """Factor and base such that (raw − base) × factor is the normalised curve."""
    energy, raw = arrays(shown)
    if norm in ("computed", "raw"):
        return 1.0, 0.0
    scale = "step" if norm == "normalised" else norm
    if shown.kind == Kind.THEORY:
        size = raw.max() if norm == "peak" else float(np.trapezoid(raw, energy))
        return (1.0 / size if size > 0 else 1.0), 0.0
    curve = scaled(energy, raw, scale, table_edge(shown))  # type: ignore[arg-type]
    spread = float(np.ptp(raw))
    factor = float(np.ptp(curve)) / spread if spread else 1.0
    return factor, float(raw[0] - curve[0] / factor)


def _overlay_curve(
    shown: Spectrum,
    overlay: Spectrum,
    options: Options,
    energy: FloatArray,
    intensity: FloatArray,
    inside: NDArray[np.bool_],
) -> tuple[Curve, float]:
    """The other spectrum scaled to this one's height; shift and scale are in its name."""
    e, raw = arrays(overlay)
    shift = options.shift_ev
    if options.align:
        shift = best_shift(energy, intensity, e, raw)
    lo, hi = energy[inside][0], energy[inside][-1]
    near = (e + shift >= lo) & (e + shift <= hi)
    if not near.any():
        options.notes.append(gettext("The other spectrum lies outside this range."))
        near = np.ones(e.shape, dtype=bool)
    base, height = float(raw[near].min()), float(np.ptp(raw[near])) or 1.0
    own_base = float(intensity[inside].min())
    scale = float(np.ptp(intensity[inside])) / height
    y = (raw - base) * scale + own_base
    said = []
    if shift:
        said.append(gettext("shifted %s eV") % f"{shift:+.1f}".replace("-", "−"))
    if abs(scale - 1) > 1e-3:
        said.append(gettext("scaled × %s") % f"{scale:.3g}")
    name = f"{rich_formula(name_of(overlay))}, SDB-{overlay.pk}"
    name += f" ({', '.join(said)})" if said else ""
    colour = (
        "s3" if overlay.kind == Kind.THEORY else ("s3" if shown.kind == Kind.EXPERIMENT else "ink")
    )
    options.notes += said
    return (
        Curve(name, e + shift, y, role_of(overlay), colour, key=name),  # type: ignore[arg-type]
        float(y[near].max()),
    )


def _absolute(energy: FloatArray, shown: Spectrum) -> FloatArray:
    """Stick energies on the spectrum's axis: a relative list is moved by the anchor."""
    offset = shown.energy_offset_ev or 0.0
    if (
        offset
        and energy.size
        and not (shown.energy_min - 60 <= float(np.median(energy)) <= shown.energy_max + 60)
    ):
        return energy + offset
    return energy


def _peak_curves(
    fit: PeakFit, energy: FloatArray, factor: float, x_range: tuple[float, float]
) -> list[Curve]:
    words = gettext("Fitted peaks")
    return [
        peak_curve(
            peak, fit.gaussian_sigma_ev, x_range, key=words, number=peak.index + 1, factor=factor
        )
        for peak in fit.peaks.all()
    ]


def peak_curve(
    peak: Peak | FittedPeak,
    sigma_ev: float,
    x_range: tuple[float, float],
    *,
    key: str,
    number: int,
    factor: float = 1.0,
) -> Curve:
    """One peak, sampled finely about its top: A(cosφ·absorptive − sinφ·dispersive)."""
    width = float(np.hypot(peak.hwhm_ev, 1.1774 * sigma_ev))
    near = np.union1d(np.linspace(*x_range, 120), peak.position_ev + width * np.linspace(-6, 6, 37))
    near = near[(near >= x_range[0]) & (near <= x_range[1])]
    d = near - peak.position_ev
    if sigma_ev > 0:
        shape = _voigt(d, peak.hwhm_ev, sigma_ev, peak.phase_rad)
    else:
        shape = (np.cos(peak.phase_rad) * peak.hwhm_ev - np.sin(peak.phase_rad) * d) / (
            np.pi * (d**2 + peak.hwhm_ev**2)
        )
    return Curve(
        gettext("Peak %d") % number, near, peak.area * shape * factor, "peak", "s2", key=key
    )


def _voigt(d: FloatArray, hwhm: float, sigma: float, phase: float) -> FloatArray:
    """A(cosφ·absorptive − sinφ·dispersive), both of unit area, under a Gaussian of σ (eV)."""
    from scipy.special import wofz

    w = wofz((d + 1j * hwhm) / (sigma * np.sqrt(2))) / (sigma * np.sqrt(2 * np.pi))
    shape: FloatArray = np.cos(phase) * w.real - np.sin(phase) * w.imag
    return shape
