"""Files of a series and of its analyses: HDF5, TIFF, CSV, notebook, figures, report."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from spectradb.plots.standalone import standalone
from spectradb.services.series.exports import csv_lines, notebook, write_tiff
from spectradb.services.series.local import local_file
from spectradb.services.series.maps import maps_file, opened_maps
from spectradb.views.series.answers import drawing, errors_told
from spectradb.views.series.asked import analysis_of, place_of, series_of
from spectradb.views.series.describe import name_of
from spectradb.views.series.figures import along_axis, spectrum_figure
from spectradb.views.series.report import report_of


@require_safe
@errors_told
def series_file(request: HttpRequest, pk: int) -> HttpResponse | FileResponse:
    """The stored series, HDF5 with NXdata."""
    row = series_of(request, pk)
    path = local_file(row.file_name, row.n_bytes, row.sha256)
    return FileResponse(path.open("rb"), as_attachment=True, filename=f"SDB-M{pk}.h5")


@require_safe
@errors_told
def maps(
    request: HttpRequest, pk: int, analysis_pk: int, format: str
) -> HttpResponse | FileResponse | StreamingHttpResponse:
    """The maps of an analysis as a file."""
    row = analysis_of(request, pk, analysis_pk, done=True)
    name = f"SDB-M{pk}-analysis-{analysis_pk}"
    if format == "h5":
        return FileResponse(maps_file(row).open("rb"), as_attachment=True, filename=f"{name}.h5")
    if format == "tiff":
        with tempfile.TemporaryDirectory(prefix="spectradb-") as folder:
            path = Path(folder) / f"{name}.tiff"
            write_tiff(row, path)
            return FileResponse(  # open, it stays readable after its folder is gone
                path.open("rb"), as_attachment=True, filename=path.name, content_type="image/tiff"
            )
    if format == "csv":
        maps_file(row)  # what is wrong with it is told before the answer begins
        response = StreamingHttpResponse(csv_lines(row), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = (
            content_disposition_header(True, f"{name}.csv") or "attachment"
        )
        return response
    if format == "ipynb":
        address = request.build_absolute_uri(reverse("series-maps", args=[pk, analysis_pk, "h5"]))
        text = json.dumps(notebook(row, address), indent=1)
        found = HttpResponse(text, content_type="application/x-ipynb+json")
        found.headers["Content-Disposition"] = f'attachment; filename="{name}.ipynb"'
        return found
    raise Http404


@require_safe
@errors_told
def spectrum_svg(request: HttpRequest, pk: int) -> HttpResponse:
    """The spectrum of a region, or of two with their difference, as a figure."""
    row = series_of(request, pk)
    texts = [request.GET.get("at", ""), *filter(None, [request.GET.get("b", "")])]
    places = [place_of(request, text, row) for text in texts]
    figure = spectrum_figure(row, [(one.region, one.found) for one in places])
    return drawing(standalone(figure, f"{name_of(row)}, SDB-M{pk}"), f"SDB-M{pk}-spectrum.svg")


@require_safe
@errors_told
def along_svg(request: HttpRequest, pk: int, analysis_pk: int, number: int) -> HttpResponse:
    """Fractions (or single numbers) along the one axis of a series, as a figure."""
    row = analysis_of(request, pk, analysis_pk, done=True)
    if len(row.series.shape) != 1:
        raise Http404
    with opened_maps(row) as found:
        figures = along_axis(row.series, row, found)
    if number >= len(figures):
        raise Http404
    label, figure = figures[number]
    title = f"{label}: {name_of(row.series)}, SDB-M{pk}"
    return drawing(standalone(figure, title), f"SDB-M{pk}-analysis-{analysis_pk}-{number}.svg")


@require_safe
@errors_told
def report(request: HttpRequest, pk: int, analysis_pk: int) -> HttpResponse:
    """Data, method, options, maps with errors and citations on one page that prints."""
    row = analysis_of(request, pk, analysis_pk, done=True)
    address = request.build_absolute_uri(reverse("series", args=[pk]))
    with opened_maps(row) as found:
        context = report_of(request, row, found)
    context |= {"address": address, "made": datetime.now(UTC), "site_version": settings.VERSION}
    return render(request, "series/report.html", context)
