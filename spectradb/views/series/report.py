"""What the report of an analysis says: enough for the supplement of a paper."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext

from spectradb.models import SeriesAnalysis, Spectrum
from spectradb.plots.raster import standalone_map
from spectradb.plots.standalone import standalone
from spectradb.services.series.maps import Maps
from spectradb.services.series.values import Region
from spectradb.views.series.asked import Place, place_of
from spectradb.views.series.describe import (
    analysis_words,
    method_words,
    moved_words,
    name_of,
    noise_words,
    size_words,
)
from spectradb.views.series.figures import (
    PHASES_KEY,
    along_axis,
    components_figure,
    drawn_map,
    sides,
    spectrum_figure,
)
from spectradb.views.series.page import component_means

_MOST_MAPS = 24


@dataclass(frozen=True)
class ReportFigure:
    """A drawing of its own, in place, with its caption."""

    address: str
    caption: str


def report_of(request: HttpRequest, row: SeriesAnalysis, maps: Maps) -> dict[str, Any]:
    """The context of ``series/report.html``.

    Raises
    ------
    ReadError
        If the file of the series is missing or damaged.
    """
    series = row.series
    place: Place = place_of(request, "", series)
    told = maps.told
    numbers = [int(one) for one in row.options.get("references", []) if str(one).isdecimal()]
    references = Spectrum.objects.visible_to(request.user).filter(pk__in=numbers).without_arrays()
    found = {one.pk: one for one in references}
    return {
        "row": row,
        "series": series,
        "name": name_of(series),
        "sizes": size_words(series),
        "method": method_words(row.method),
        "words": analysis_words(row),
        "facts": _facts(row, told),
        "references": [(pk, found.get(pk)) for pk in numbers],
        "means": component_means(maps, row),
        "figures": _figures(row, maps, place.region, place),
        "warnings": list(dict.fromkeys([*series.warnings, *row.warnings])),
        "how": _how(row.method),
    }


def _facts(row: SeriesAnalysis, told: dict[str, Any]) -> list[tuple[str, str]]:
    """Options and what the analysis found out by itself."""
    asked = row.options
    facts = [
        (gettext("Version of the numbers"), str(told.get("version", ""))),
        (gettext("Noise"), noise_words(str(told.get("noise", asked.get("noise") or "")))),
        (gettext("Background terms"), str(told.get("background", ""))),
        (gettext("Components"), str(len(told.get("names", [])) or "")),
        (gettext("Loss"), f"{told['loss']:.6g}" if "loss" in told else ""),
        (gettext("Free by spectrum"), ", ".join(map(moved_words, asked.get("free", [])))),
        (gettext("Windows (eV)"),
         ", ".join(f"{low:g}–{high:g}" for low, high in asked.get("windows", []))),
        (gettext("Corrections"),
         "; ".join(map(_correction, told.get("corrections", [])))),
        (gettext("SHA-256 of the maps"), row.sha256),
        (gettext("SHA-256 of the series"), row.series.sha256),
    ]  # fmt: skip
    return [(label, value) for label, value in facts if value]


def _correction(record: dict[str, Any]) -> str:
    """A correction with what was settled for it: ``spikes (threshold 5)``."""
    name = record["correction"]
    words = {"i0": "I0", "dead": gettext("dead spectra and channels")}.get(name) or gettext(name)
    told = ", ".join(
        f"{key.replace('_', ' ')} {f'{value:.6g}' if isinstance(value, float) else value}"
        for key, value in record.items()
        if key != "correction"
    )
    return f"{words} ({told})" if told else words


def _figures(row: SeriesAnalysis, maps: Maps, region: Region, place: Place) -> list[ReportFigure]:
    series = row.series
    out = [
        _figure(standalone(spectrum_figure(series, [(region, place.found)]), name_of(series)),
                gettext("Mean spectrum of the series."))
    ]  # fmt: skip
    components = components_figure(series, maps)
    if components is not None:
        out.append(_figure(standalone(components, gettext("Components")),
                           gettext("Spectra of the components.")))  # fmt: skip
    if len(series.shape) == 1:
        for label, figure in along_axis(series, row, maps):
            words = gettext("%s along the series; bands are ±1 σ.") % label
            out.append(_figure(standalone(figure, label), words))
        return out
    if len(series.shape) < 2:
        return out
    frame = (0,) * (len(series.shape) - 2)
    keys = [key for key in maps.keys if key.split("/")[-1] in ("value", "err")]
    keys += [key for key in ("none_of_these", "residual") if key in maps.keys]
    if len(maps.components) > 1 and row.method != "parameters":
        keys.insert(0, PHASES_KEY)
    for key in keys[:_MOST_MAPS]:
        drawn = drawn_map(row, maps, key, "", frame)
        text = standalone_map(
            drawn.image, *sides(series), drawn.label, scale=drawn.scale, scale_label=drawn.label,
            phases=drawn.phases,
        )  # fmt: skip
        words = f"{drawn.label}." + (
            " " + gettext("The first frame of the outer axes.") if frame else ""
        )
        out.append(_figure(text, words))
    return out


def _figure(svg: str, caption: str) -> ReportFigure:
    return ReportFigure(f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}", caption)


def _how(method: str) -> str:
    """The method in the words of a supplement."""
    texts = {
        "references": gettext(
            "Each spectrum is a non-negative combination of the references and a smooth "
            "background, weighted by its noise. Fractions are shares of the sum of all phases; "
            "errors are one standard deviation, limits are at 95 %. “None of these” is the "
            "probability that the residual holds something beyond noise, given how many small "
            "p-values the series has (local false discovery rate)."
        ),
        "library": gettext(
            "Each spectrum is matched against the published spectra of this edge; probabilities "
            "are calibrated on pairs of known identity. Where asked for, neighbours that differ "
            "by no more than noise are taken together."
        ),
        "nmf": gettext(
            "Non-negative matrix factorisation by accelerated hierarchical alternating least "
            "squares, started from singular vectors. Components are found to a mixture of each "
            "other; errors are those of the amounts with the components given."
        ),
        "mcr": gettext(
            "Multivariate curve resolution by alternating non-negative least squares; known "
            "components stay as they are. Errors are those of the amounts with the components "
            "given."
        ),
        "parameters": gettext(
            "Single numbers of every spectrum; errors follow from its noise by their gradient."
        ),
    }
    return texts.get(method, "")
