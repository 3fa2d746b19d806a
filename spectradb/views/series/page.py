"""The page of a series: picture, spectrum of a region, analyses with their maps."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from compute.errors import InputError, ReadError
from compute.series.parameters import QUANTITIES
from spectradb.models import JobStatus, Series, SeriesAnalysis
from spectradb.plots.raster import PHASES, SCALE, table
from spectradb.services.accounts.roles import may_contribute, may_curate
from spectradb.services.curation.quality import missing_of_series
from spectradb.services.series.analyse import METHODS
from spectradb.services.series.analyses import may_change
from spectradb.services.series.maps import Maps, opened_maps
from spectradb.services.series.overlay import DRAWN
from spectradb.services.series.values import LARGE
from spectradb.turns import TurnTakenError
from spectradb.views.series.asked import (
    Place,
    frame_of,
    overlay_of,
    place_of,
    series_of,
    trust_of,
)
from spectradb.views.series.describe import (
    analysis_words,
    axis_label,
    component_words,
    digits_of,
    map_words,
    method_words,
    name_of,
    quantity_words,
    region_words,
    size_words,
    technique_words,
)
from spectradb.views.series.figures import (
    PHASES_KEY,
    along_axis,
    components_figure,
    overlay_figure,
    spectrum_figure,
)
from spectradb.views.spectra.figures import Plot
from spectradb.words import in_words

MEAN_KEY = "mean"
_MOST_ENERGIES, _MOST_PLACES = 4096, 20_000


@require_safe
def series(request: HttpRequest, pk: int) -> HttpResponse:
    row = series_of(request, pk)
    if request.GET.get("part") == "analyses":  # asked every few seconds while one is open
        rows = _analyses(request, row)
        chosen = _chosen(request, rows)
        context = {
            "series": row,
            "analyses": [_listed(one, request, chosen) for one in rows],
            "open": any(one.is_open for one in rows),
        }
        return render(request, "series/_analyses.html", context)
    return page(request, row)


def _analyses(request: HttpRequest, row: Series) -> list[SeriesAnalysis]:
    return list(
        SeriesAnalysis.objects.visible_to(request.user)
        .filter(series=row)
        .select_related("series", "requested_by")
        .defer("series__energy", "series__summed", "series__counted", "series__preview")
    )


def page(
    request: HttpRequest, row: Series, asked: dict[str, Any] | None = None, error: str = ""
) -> HttpResponse:
    """The page; with what was asked for and why it cannot be done, after a form was refused."""
    rows = _analyses(request, row)
    chosen = _chosen(request, rows)
    frame = frame_of(request, row)
    problems: list[str] = []
    places = _places(request, row, problems)
    context: dict[str, Any] = {
        "series": row,
        "name": name_of(row),
        "technique": technique_words(row),
        "sizes": size_words(row),
        "axes": [
            {"label": axis_label(axis), "size": axis["size"],
             "first": f"{axis['first']:.6g}", "last": f"{axis['last']:.6g}"}
            for axis in row.axes
        ],
        "places": [(name, region_words(one.region, row), one.region)
                   for name, one in zip("AB", places, strict=False)],
        "analyses": [_listed(one, request, chosen) for one in rows],
        "open": any(one.is_open for one in rows),
        "chosen": chosen,
        "trust": trust_of(request),
        "frame": ",".join(map(str, frame)),
        "frames": [
            {"label": axis_label(axis), "most": axis["size"] - 1, "at": index}
            for axis, index in zip(row.axes, frame, strict=False)
        ],
        "ask": asked or {"method": "references", "smooth": "1"},
        "methods": [(one, method_words(one)) for one in METHODS],
        "quantities": [(one, quantity_words(one), n) for one, (_, n) in QUANTITIES.items()],
        "may_ask": may_contribute(request.user),
        "may_curate": may_curate(request.user),
        "may_edit": row.contributor_id == request.user.pk and row.status == "draft",
        "missing": missing_of_series(row),
        "stops": [(f"{k / (len(SCALE) - 1):.3f}", one) for k, one in enumerate(SCALE)],
    }  # fmt: skip
    if error:
        context["error"] = error
    if places:
        figure = spectrum_figure(row, [(one.region, one.found) for one in places])
        words = gettext("Mean spectrum of %s") % ", ".join(
            region_words(one.region, row) for one in places
        )
        context["plot"] = Plot("plot", figure, words)
    if chosen is not None:
        try:
            with opened_maps(chosen) as maps:
                context |= _maps(row, chosen, maps)
            context |= _fit(request, row, chosen, places)
        except (ReadError, InputError, TurnTakenError) as problem:
            problems.append(in_words(problem))
    labels = context.pop("labels", [])
    pictures = _pictures(row, chosen, context.pop("maps_of", []), frame, labels)
    wanted = request.GET.get("show") or (pictures[1]["key"] if len(pictures) > 1 else MEAN_KEY)
    shown = next(
        (one for one in pictures if one["key"] == wanted), pictures[0] if pictures else None
    )
    context |= {"pictures": pictures, "shown": shown, "problems": problems}
    if shown is not None:
        context["data"] = _data(row, pictures, shown, places, context)
    return render(request, "series/series.html", context, status=400 if error else 200)


def _chosen(request: HttpRequest, rows: list[SeriesAnalysis]) -> SeriesAnalysis | None:
    """The analysis asked for, else the newest that is done."""
    done = [one for one in rows if one.job_status == JobStatus.DONE]
    asked = request.GET.get("analysis", "")
    return next((one for one in done if str(one.pk) == asked), done[0] if done else None)


def _places(request: HttpRequest, row: Series, problems: list[str]) -> list[Place]:
    places = []
    texts = [request.GET.get("at", "")]
    if request.GET.get("b"):
        texts.append(request.GET["b"])
    for text in texts:
        try:
            places.append(place_of(request, text, row))
        except (ReadError, TurnTakenError) as error:
            problems.append(in_words(error))
    return places


def _listed(
    one: SeriesAnalysis, request: HttpRequest, chosen: SeriesAnalysis | None
) -> dict[str, Any]:
    left = one.seconds_left
    return {
        "row": one,
        "words": analysis_words(one),
        "percent": round(100 * one.done / one.series.n_spectra),
        "rate": f"{one.rate:,.0f}" if one.rate else "",
        "seconds_left": left,
        "may_change": may_change(one, request.user),
        "chosen": chosen is not None and one.pk == chosen.pk,
    }


def _maps(row: Series, chosen: SeriesAnalysis, maps: Maps) -> dict[str, Any]:
    """What the page says of a finished analysis."""
    names = maps.components
    found: dict[str, Any] = {
        "components": names,
        "maps_of": [(key, map_words(key, chosen.method)) for key in maps.keys],
        "means": component_means(maps, chosen),
        "labels": maps.compounds,
    }
    figure = components_figure(row, maps)
    if figure is not None:
        words = gettext("Spectra of the components: %s") % ", ".join(map(component_words, names))
        found["component_plot"] = Plot("components", figure, words, "short")
    if len(row.shape) == 1:
        found["along"] = [
            Plot(f"along{k}", one, f"{label}, {axis_label(row.axes[0])}", "short")
            for k, (label, one) in enumerate(along_axis(row, chosen, maps))
        ]
    return found


def _fit(
    request: HttpRequest, row: Series, chosen: SeriesAnalysis, places: list[Place]
) -> dict[str, Any]:
    """Region A under the model of the analysis; of a large series once a place is chosen."""
    if chosen.method not in DRAWN or not places or places[0].region.n > LARGE:
        return {"fit_later": chosen.method in DRAWN}
    where = region_words(places[0].region, row)
    figure = overlay_figure(row, overlay_of(request, chosen, places[0].region))
    words = gettext("%s, as analysed") % where
    return {"fit_plot": Plot("fit", figure, words, "short"), "fit_where": where}


def component_means(maps: Maps, chosen: SeriesAnalysis) -> list[dict[str, Any]]:
    """Of each component: mean over the series, median σ, how many are above 3 σ."""
    rows = []
    for name in maps.components:
        value, err = (maps.find(f"components/{name}/{part}") for part in ("value", "err"))
        if value is None or not np.isfinite(value).any():
            continue
        line: dict[str, Any] = {
            "name": map_words(f"components/{name}/value", chosen.method),
            "mean": float(np.nanmean(value)),
            "spread": float(np.nanstd(value)),
        }
        if err is not None and np.isfinite(err).any():
            line["sigma"] = float(np.nanmedian(err))
            with np.errstate(invalid="ignore"):
                line["above"] = float(np.mean(value > 3 * err))
        rows.append(line)
    return rows


def _pictures(
    row: Series,
    chosen: SeriesAnalysis | None,
    maps: list[tuple[str, str]],
    frame: tuple[int, ...],
    labels: list[str],
) -> list[dict[str, Any]]:
    """What can be shown as a picture, each with the address of its numbers."""
    if not row.shape:
        return []
    at = f"?{urlencode({'frame': ','.join(map(str, frame))})}" if frame else ""
    words = gettext("Spectra, one a row") if len(row.shape) == 1 else gettext("Mean intensity")
    found: list[dict[str, Any]] = [{
        "key": MEAN_KEY, "label": words,
        "url": reverse("series-picture", args=[row.pk, "bin"]) + at,
        "png": reverse("series-picture", args=[row.pk, "png"]) + at,
        "svg": reverse("series-picture", args=[row.pk, "svg"]) + at,
    }]  # fmt: skip
    if chosen is None or len(row.shape) < 2:
        return found

    def address(key: str, format: str) -> str:
        query = {"map": key} | ({"frame": ",".join(map(str, frame))} if frame else {})
        return f"{reverse('series-map', args=[row.pk, chosen.pk, format])}?{urlencode(query)}"

    keys = [key for key, _ in maps]
    parts = [key for key in keys if key.startswith("components/") and key.endswith("/value")]
    none = address("none_of_these", "bin") if "none_of_these" in keys else None
    if len(parts) > 1 and chosen.method != "parameters":
        found.append({
            "key": PHASES_KEY, "label": gettext("Phases over one another"), "none": none,
            "parts": [address(key, "bin") for key in parts],
            "names": [component_words(key.split("/")[1]) for key in parts],
            "errs": [
                address(err, "bin") for key in parts
                if (err := key.removesuffix("value") + "err") in keys
            ],
            "png": address(PHASES_KEY, "png"), "svg": address(PHASES_KEY, "svg"),
        })  # fmt: skip
    for key, label in maps:
        err = key.removesuffix("value") + "err"
        found.append({
            "key": key, "label": label, "url": address(key, "bin"), "none": none,
            "labels": labels if key == "likeliest/compound_index" else None,
            "err": address(err, "bin") if key.endswith("/value") and err in keys else None,
            "png": address(key, "png"), "svg": address(key, "svg"),
        })  # fmt: skip
    return found


def _data(
    row: Series, pictures: list[dict[str, Any]], shown: dict[str, Any], places: list[Place],
    context: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """What ``series.js`` draws with."""
    step = -(-row.n_channels // _MOST_ENERGIES)
    waterfall = len(row.shape) == 1
    return {
        "axes": [_axis(row, k) for k in range(len(row.axes))],
        "shape": list(row.shape),
        "frame": [one["at"] for one in context["frames"]],
        "waterfall": waterfall,
        "energy": [float(f"{one:.8g}") for one in np.asarray(row.energy)[::step]],
        "step": step,
        "values": reverse("series-values", args=[row.pk, "bin"]),
        "fit": reverse("series-fit", args=[row.pk, context["chosen"].pk])
        if context.get("fit_plot") else "",
        "pictures": pictures,
        "shown": shown["key"],
        "at": places[0].region.text() if places else "",
        "b": places[1].region.text() if len(places) > 1 else "",
        "colours": table().tolist(),
        "phaseColours": table(PHASES, len(PHASES)).tolist(),
        "words": {
            "spectrum": gettext("Spectrum"), "all": gettext("mean of all"),
            "none": gettext("none of these"), "noValue": gettext("no value"),
            "spectra": gettext("spectra"), "pointer": gettext("Pointer"),
        },
    }  # fmt: skip


def _axis(row: Series, k: int) -> dict[str, Any]:
    """An axis with its values, of very many that are even the ends, of uneven ones none."""
    axis, values = row.axes[k], row.axis_values(k)
    digits = digits_of(values)
    if values.size > _MOST_PLACES:
        values = values[:0] if "values" in axis else values[[0, -1]]
    told = [float(f"{one:.{digits}g}") for one in values]
    return {"name": axis["name"], "unit": axis["unit"], "size": axis["size"], "values": told,
            "digits": digits}  # fmt: skip
