"""Numbers and pictures of a series, as the page asks for them while a pointer moves.

Binary answers are little-endian float32; ``X-Shape`` says how many rows and columns, ``X-Range``
what the colour scale reaches over. They carry an ETag of what they depend on: asked for again,
nothing is read. They are kept by the reader's browser alone and asked about each time, since who
may see a series can change.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.translation import get_language
from django.views.decorators.http import require_safe
from numpy.typing import ArrayLike

from compute.errors import ComputeError
from compute.series.version import VERSION
from spectradb.models import Series
from spectradb.plots.raster import coloured, limits, png, standalone_map
from spectradb.services.series.maps import opened_maps
from spectradb.services.series.overlay import DRAWN
from spectradb.services.series.values import Picture, picture, waterfall
from spectradb.turns import RETRY_SECONDS, TurnTakenError
from spectradb.views.series.asked import (
    analysis_of,
    frame_of,
    overlay_of,
    place_of,
    region_of,
    series_of,
    trust_of,
)
from spectradb.views.series.describe import name_of, region_words
from spectradb.views.series.figures import (
    drawn_map,
    intensity_label,
    overlay_figure,
    scale_of,
    sides,
)
from spectradb.words import in_words

View = Callable[..., HttpResponseBase]


def errors_told(view: View) -> View:
    """What cannot be read or computed, in words, with the status 409; 429 out of turn."""

    @wraps(view)
    def telling(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except ComputeError as error:
            return HttpResponse(
                in_words(error), status=409, content_type="text/plain; charset=utf-8"
            )
        except TurnTakenError as error:
            return HttpResponse(
                in_words(error), status=429, content_type="text/plain; charset=utf-8",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )  # fmt: skip

    return telling


def unless_known(
    request: HttpRequest, told: object, answer: Callable[[], HttpResponse]
) -> HttpResponse:
    """304 where the reader has what depends on ``told`` already, else the answer with its ETag."""
    digest = hashlib.sha256(repr((VERSION, told)).encode()).hexdigest()[:32]
    etag = f'"{digest}"'
    known = get_conditional_response(request, etag=etag)
    response = known if known is not None else answer()
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def floats(values: ArrayLike, scale: tuple[float, float] | None = None) -> HttpResponse:
    """An array (m,) or (h, w) as float32."""
    array = np.atleast_2d(np.asarray(values, "<f4"))
    response = HttpResponse(array.tobytes(), content_type="application/octet-stream")
    response.headers["X-Shape"] = ",".join(map(str, array.shape))
    if scale is not None:
        response.headers["X-Range"] = f"{scale[0]!r},{scale[1]!r}"
    return response


@require_safe
@errors_told
def values(request: HttpRequest, pk: int, format: str) -> HttpResponse:
    """The mean spectrum of ``at``, on the energies of the series."""
    row = series_of(request, pk)
    text = request.GET.get("at", "")
    if format not in ("bin", "csv", "json"):
        raise Http404

    def answer() -> HttpResponse:
        place = place_of(request, text, row)
        mean = place.found.mean
        if format == "bin":
            response = floats(mean)
            response.headers["X-Spectra"] = str(place.region.n)
            return response
        if format == "json":
            return JsonResponse(
                {
                    "region": place.region.text(),
                    "spectra": place.region.n,
                    "energy_ev": place.found.energy_ev.tolist(),
                    "mean": [None if np.isnan(one) else float(one) for one in mean],
                    "count": place.found.count.astype(int).tolist(),
                }
            )
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        where = (place.region.text() or "all").replace("*", "all")
        response.headers["Content-Disposition"] = f'attachment; filename="SDB-M{pk}-{where}.csv"'
        writer = csv.writer(response)
        writer.writerow(["energy_ev", "mean", "spectra"])
        pairs = zip(place.found.energy_ev, mean, place.found.count, strict=True)
        writer.writerows([repr(float(e)), repr(float(y)), int(n)] for e, y, n in pairs)
        return response

    return unless_known(request, (row.sha256, format, text), answer)


@require_safe
@errors_told
def series_picture(request: HttpRequest, pk: int, format: str) -> HttpResponse:
    """The mean of every spectrum over the last two axes; the spectra themselves over one."""
    row = series_of(request, pk)
    if format not in ("bin", "png", "svg") or not row.shape:
        raise Http404
    frame, small = frame_of(request, row), request.GET.get("small") == "1"

    def answer() -> HttpResponse:
        found = shown_picture(row, frame)
        scale = limits(found.values)
        if format == "bin":
            return floats(found.values, scale)
        image = coloured(found.values, scale)
        if format == "png":
            return HttpResponse(
                png(image, least=1) if small else png(image), content_type="image/png"
            )
        text = standalone_map(
            image, *sides(row), f"{name_of(row)}, SDB-M{pk}", scale=scale,
            scale_label=intensity_label(row),
        )  # fmt: skip
        return drawing(text, f"SDB-M{pk}.svg")

    return unless_known(request, (row.sha256, format, frame, small, *_written(row, format)), answer)


@require_safe
@errors_told
def series_fit(request: HttpRequest, pk: int, analysis_pk: int) -> HttpResponse:
    """The figure of one region (``at``): as analysed, with what the analysis made of it."""
    row = analysis_of(request, pk, analysis_pk, done=True)
    if row.method not in DRAWN:
        raise Http404
    region = region_of(request.GET.get("at", ""), row.series)

    def answer() -> HttpResponse:
        figure = overlay_figure(row.series, overlay_of(request, row, region))
        return JsonResponse(
            {"figure": figure.to_json(), "region": region_words(region, row.series)}
        )

    told = (row.sha256, region.text(), *_written(row.series, "svg"))
    return unless_known(request, told, answer)


def _written(row: Series, format: str) -> tuple[str, ...]:
    """What words of a drawing depend on beside its numbers: title, axes, language."""
    return (row.updated.isoformat(), get_language() or "") if format == "svg" else ()


def shown_picture(row: Series, frame: tuple[int, ...]) -> Picture:
    return waterfall(row) if len(row.shape) == 1 else picture(row, frame)


def drawing(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="image/svg+xml")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_safe
@errors_told
def series_map(request: HttpRequest, pk: int, analysis_pk: int, format: str) -> HttpResponse:
    """One map of an analysis (``map``), less opaque where it is less trusted (``trust``)."""
    row = analysis_of(request, pk, analysis_pk, done=True)
    if format not in ("bin", "png", "svg") or len(row.series.shape) < 2:
        raise Http404
    frame = frame_of(request, row.series)
    key, trust = request.GET.get("map", ""), trust_of(request)

    def answer() -> HttpResponse:
        with opened_maps(row) as maps:
            key_ = key or f"components/{maps.components[0]}/value"
            if format == "bin":
                values = maps.get(key_)
                return floats(values[frame], scale_of(key_, values))
            found = drawn_map(row, maps, key_, trust, frame)
        if format == "png":
            return HttpResponse(png(found.image), content_type="image/png")
        text = standalone_map(
            found.image, *sides(row.series), f"{found.label}: {name_of(row.series)}, SDB-M{pk}",
            scale=found.scale, scale_label=found.label, phases=found.phases,
        )  # fmt: skip
        return drawing(text, f"SDB-M{pk}-analysis-{analysis_pk}.svg")

    told = (row.sha256, format, key, trust, frame, *_written(row.series, format))
    return unless_known(request, told, answer)
