"""Series, their axes and their maps in words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from django.utils.translation import gettext
from numpy.typing import NDArray

from spectradb.formulae import as_written
from spectradb.models import Series, SeriesAnalysis
from spectradb.models.series import COMPUTED
from spectradb.services.series.values import Region
from spectradb.views.spectra.figures import rich_formula

_UNITS = {"shift": "eV", "width": "eV"}
_FEWEST_DIGITS, _MOST_DIGITS = 5, 15
_ROUNDING = 1e-6  # of the largest step, that is none


def name_of(row: Series) -> str:
    """Title, else formula, else number."""
    return row.title or row.formula or f"SDB-M{row.pk}"


def size_words(row: Series) -> str:
    """``512 × 512 × 1024``: the axes, then the energies."""
    return " × ".join(str(size) for size in (*row.shape, row.n_channels))


def axis_label(axis: dict[str, Any]) -> str:
    """``x (nm)``; without a unit what it is: the place in the order."""
    return f"{axis['name']} ({axis['unit']})" if axis["unit"] else str(axis["name"])


def method_words(method: str) -> str:
    return {
        "references": gettext("Fractions of references"),
        "library": gettext("Match with the library"),
        "nmf": gettext("Factors without references (NMF)"),
        "mcr": gettext("Factors with known ones (MCR-ALS)"),
        "parameters": gettext("Single numbers"),
    }.get(method, method)


def component_words(name: str) -> str:
    """A component as people call it: a reference of the library by its number and formula."""
    number, blank, said = name.partition(" ")
    return f"SDB-{number}{blank}{as_written(said)}" if number.isdecimal() else name


def component_rich(name: str) -> str:
    """The same in the plots' own markup."""
    number, blank, said = name.partition(" ")
    return f"SDB-{number}{blank}{rich_formula(said)}" if number.isdecimal() else name


def moved_words(name: str) -> str:
    """What an analysis lets move from spectrum to spectrum."""
    return {"shift": gettext("shift"), "width": gettext("width")}.get(name, name)


def noise_words(kind: str) -> str:
    return {
        "poisson": gettext("of counts (Poisson)"),
        "gaussian": gettext("the same at every intensity (Gaussian)"),
        "mixed": gettext("growing with the intensity, above a floor"),
        "stated": gettext("as stated"),
    }.get(kind, kind)


def technique_words(row: Series) -> str:
    """How it was measured; of the computed example, in the reader's language."""
    return gettext("Computed example") if row.technique == COMPUTED else row.technique


def quantity_words(name: str) -> str:
    return {
        "white_line_ratio": gettext("White-line ratio"),
        "centre_of_mass": gettext("Centre of mass (eV)"),
        "e0": gettext("E₀ (eV)"),
        "peak_position": gettext("Peak position (eV)"),
    }.get(name, name)


def map_words(key: str, method: str) -> str:
    """What a map of this key shows."""
    parts = key.split("/")
    if parts[0] == "components" and len(parts) > 2:
        name = quantity_words(parts[1]) if method == "parameters" else component_words(parts[1])
        return {
            "value": name,
            "err": gettext("σ of %s") % name,
            "upper": gettext("95 %% limit of %s") % name,
        }.get(parts[2], f"{name}, {parts[2]}")
    if parts[0] == "moved":
        what = parts[1].removesuffix("_err")
        words = {"shift": gettext("Shift"), "width": gettext("Width")}.get(what, what)
        words = f"{words} ({_UNITS[what]})" if what in _UNITS else words
        return gettext("σ of %s") % words if parts[1].endswith("_err") else words
    return {
        "residual": gettext("Residual (1: noise)"),
        "none_of_these": gettext("None of these (probability)"),
        "p_value": gettext("Residual, p-value"),
        "total": gettext("Sum of all phases"),
        "shift": gettext("Shift (eV)"),
        "pooled": gettext("Spectra taken together"),
        "likeliest/valence": gettext("Likeliest valence"),
        "likeliest/valence_probability": gettext("Probability of that valence"),
        "likeliest/compound_index": gettext("Likeliest compound"),
        "likeliest/compound_probability": gettext("Probability of that compound"),
    }.get(key, key.replace("_", " "))


def analysis_words(row: SeriesAnalysis) -> str:
    """What was asked, in a line."""
    asked = row.options
    parts = [method_words(row.method)]
    if asked.get("references"):
        parts.append(", ".join(f"SDB-{one}" for one in asked["references"]))
    if asked.get("components"):
        parts.append(gettext("%d components") % asked["components"])
    if asked.get("quantities"):
        parts.append(", ".join(quantity_words(one) for one in asked["quantities"]))
    if asked.get("windows"):
        parts.append(", ".join(f"{low:g}–{high:g} eV" for low, high in asked["windows"]))
    if asked.get("free"):
        free = ", ".join(map(moved_words, asked["free"]))
        parts.append(gettext("free by spectrum: %s") % free)
    if asked.get("select"):
        parts.append(gettext("only references that the spectra ask for"))
    if asked.get("corrections"):
        done = ", ".join(correction_words(name) for name, _ in asked["corrections"])
        parts.append(gettext("after: %s") % done)
    return "; ".join(parts)


def correction_words(name: str) -> str:
    return {
        "dead_time": gettext("dead time"),
        "spikes": gettext("spikes"),
        "dead": gettext("dead spectra and channels"),
        "i0": "I0",
        "drift": gettext("drift"),
        "calibrate": gettext("calibration"),
        "power_law": gettext("power law"),
        "low_loss": gettext("plural scattering"),
        "over_absorption": gettext("over-absorption"),
        "bin": gettext("binning"),
    }.get(name, name)


def region_words(region: Region, row: Series) -> str:
    """Axes and what is read on them: ``x 3.5 nm, y 2–4 nm``; all of it is the mean of all."""
    if region.is_whole:
        return gettext("mean of all")
    words = []
    for k, ((start, stop), axis) in enumerate(zip(region.cut, row.axes, strict=True)):
        values = row.axis_values(k)
        low, high = values[start], values[stop - 1]
        digits, one = digits_of(values), stop - start == 1
        value = f"{low:.{digits}g}" if one else f"{low:.{digits}g}…{high:.{digits}g}"
        place = f"{axis['name']} {value.replace('-', '−')} {axis['unit']}".strip()
        if max((values == low).sum(), (values == high).sum()) > 1:  # a number that tells no place
            place += f" [{start}]" if one else f" [{start}-{stop - 1}]"
        words.append(place)
    return ", ".join(words)


def digits_of(values: NDArray[np.float64]) -> int:
    """Significant digits that tell the places of an axis apart."""
    steps = np.diff(np.unique(values))
    if not steps.size:
        return _FEWEST_DIGITS
    step = float(steps[steps > _ROUNDING * steps.max()].min())
    needed = math.floor(math.log10(float(np.abs(values).max()))) - math.floor(math.log10(step)) + 1
    return int(np.clip(needed, _FEWEST_DIGITS, _MOST_DIGITS))
