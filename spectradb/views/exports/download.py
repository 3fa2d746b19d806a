"""Files: one spectrum, the file it came from, a structure, a whole search."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from spectradb.filters import SearchError, apply_where
from spectradb.models import Export, JobStatus, Quantity, Spectrum, Structure
from spectradb.services.exports.columns import COLUMNS, GROUPS
from spectradb.services.exports.jobs import (
    download_name,
    estimated_bytes,
    opened,
    request_export,
    signed_address,
)
from spectradb.services.exports.write import FORMATS, ExportError, export_spectra
from spectradb.views.search.results import asked
from spectradb.views.site.ended import Ended
from spectradb.views.spectra.describe import name_of
from spectradb.words import in_words

_TYPES = {
    "csv": ("text/csv; charset=utf-8", "csv"),
    "xdi": ("text/plain; charset=utf-8", "xdi"),
    "json": ("application/json", "json"),
    "hdf5": ("application/x-hdf5", "h5"),
    "nxxas": ("application/x-hdf5", "nxs"),
    "parquet": ("application/vnd.apache.parquet", "parquet"),
    "zip": ("application/zip", "zip"),
}
_OWN = ("format", "columns", "go")


@require_safe
def spectrum_file(request: HttpRequest, pk: int, format: str) -> HttpResponse | FileResponse:
    """One spectrum; the CSV is two columns under a commented header."""
    row = get_object_or_404(
        Spectrum.objects.visible_to(request.user).select_related("measurement", "calculation"),
        pk=pk,
    )
    if format == "csv":
        response = HttpResponse(_csv(row), content_type=_TYPES["csv"][0])
        response["Content-Disposition"] = f'attachment; filename="SDB-{pk}.csv"'
        return response
    if format not in ("xdi", "json", "hdf5", "nxxas"):
        raise Http404
    return written(Spectrum.objects.filter(pk=pk), format, f"SDB-{pk}")


@require_safe
def source_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The uploaded file, verbatim."""
    row = get_object_or_404(
        Spectrum.objects.visible_to(request.user).select_related("measurement__file"), pk=pk
    )
    if row.measurement is None or row.measurement.file is None:
        raise Http404
    file = row.measurement.file
    response = HttpResponse(bytes(file.data), content_type="application/octet-stream")
    response.headers["Content-Disposition"] = _attachment(row.measurement.file_name or file.name)
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
def structure_cif(request: HttpRequest, pk: int) -> HttpResponse:
    """The structure as CIF, its symmetry found again within 0.01 Å."""
    from pymatgen.io.cif import CifWriter

    row = get_object_or_404(Structure, pk=pk)
    text = str(CifWriter(row.to_pymatgen(), symprec=0.01))
    response = HttpResponse(text, content_type="chemical/x-cif")
    response.headers["Content-Disposition"] = _attachment(f"{row.source_id or row.formula}.cif")
    return response


@require_safe
def export(request: HttpRequest) -> HttpResponse | FileResponse:
    """Choose a format for a search; a small file comes at once, a larger one by a job."""
    query = {key: values for key, values in asked(request.GET).items() if key not in _OWN}
    try:
        rows = apply_where(Spectrum, query, request.user)
    except SearchError as error:
        raise BadRequest(in_words(error)) from error
    n = rows.order_by().count()
    format = request.GET.get("format", "")
    if request.GET.get("go") and format in FORMATS and n:
        columns = [name for name in request.GET.getlist("columns") if name in COLUMNS] or None
        if estimated_bytes(rows)[format] <= settings.EXPORT_AT_ONCE_MB * 10**6:
            return written(rows, format, f"spectradb-{n}-spectra", columns)
        return queued(request, query, format, columns)
    sizes = estimated_bytes(rows)
    return render(
        request,
        "exports/export.html",
        {
            "n": n,
            "query": query,
            "formats": [{"key": key, "size": sizes[key], "words": _words(key)} for key in FORMATS],
            "groups": [(_group_words(key), list(names)) for key, names in GROUPS.items()],
            "at_once": settings.EXPORT_AT_ONCE_MB * 10**6,
            "fragment": request.headers.get("HX-Request") == "true",
        },
    )


@require_safe
def export_file(request: HttpRequest, pk: int) -> HttpResponse | FileResponse:
    """The file of a finished export job."""
    seen = Export.objects.visible_to(request.user)
    row = get_object_or_404(seen, pk=pk, job_status=JobStatus.DONE)
    # An address is signed for one method: what is asked by HEAD is answered here.
    if request.method == "GET" and (address := signed_address(row)) is not None:
        return HttpResponseRedirect(address, headers={"Cache-Control": "private, no-store"})
    file = opened(row)
    if file is None:
        raise Ended(gettext("This file was cleared away after a week. Ask for it again."))
    return FileResponse(file, as_attachment=True, filename=download_name(row))


def queued(
    request: HttpRequest,
    query: dict[str, list[str]],
    format: str,
    columns: list[str] | None = None,
) -> HttpResponse:
    """Ask for a file that a worker writes, and go where it will be."""
    if not request.user.is_authenticated:
        return redirect(f"{reverse('login')}?next={request.path}")
    try:
        request_export(query, format, columns=columns or (), user=request.user)
    except ExportError as error:
        raise BadRequest(in_words(error)) from error
    return redirect(f"{reverse('jobs')}?kind=exports")


def written(
    rows: QuerySet[Spectrum], format: str, name: str, columns: list[str] | None = None
) -> FileResponse:
    """Write to a file that is gone once it has been sent."""
    key = "zip" if format == "xdi" and rows.count() > 1 else format
    content_type, ending = _TYPES[key]
    folder = tempfile.TemporaryDirectory(prefix="spectradb-")
    path = Path(folder.name) / f"{name}.{ending}"
    try:
        export_spectra(rows, format, path, columns=columns)
    except ExportError as error:
        folder.cleanup()
        raise BadRequest(in_words(error)) from error
    response = FileResponse(path.open("rb"), as_attachment=True, filename=path.name)
    response["Content-Type"] = content_type
    folder.cleanup()  # the open file stays readable until the response is closed
    return response


def _csv(row: Spectrum) -> str:
    """The same whatever language its reader has: other programs read it."""
    heads: dict[str, Any] = {
        "id": f"SDB-{row.pk}",
        "formula": row.formula or name_of(row),
        "element": row.absorber,
        "edge": row.edge,
        "kind": row.kind,
        "intensity": Quantity(row.quantity).label,
        "licence": row.licence,
    }
    lines = [f"# {key}: {str(value).splitlines()[0]}" for key, value in heads.items() if value]
    lines.append("energy_ev,intensity")
    pairs = zip(row.energy.tolist(), row.intensity.tolist(), strict=True)
    lines += [f"{energy!r},{intensity!r}" for energy, intensity in pairs]
    return "\n".join(lines) + "\n"


def _attachment(name: str) -> str:
    from django.utils.http import content_disposition_header

    return content_disposition_header(True, name) or "attachment"


def _group_words(group: str) -> str:
    return {
        "spectrum": gettext("Spectrum"),
        "site": gettext("Site: valence, coordination"),
        "structure": gettext("Structure"),
        "learning": gettext("Learning: material and split"),
        "calculation": gettext("Calculation: parameters"),
        "measurement": gettext("Measurement"),
        "terms": gettext("Terms of use"),
    }[group]


def _words(format: str) -> str:
    return {
        "parquet": gettext("a row a spectrum, arrays as lists; for pandas, polars, training"),
        "hdf5": gettext("NeXus NXdata groups; for larch, h5py, MATLAB"),
        "nxxas": gettext("NeXus NXxas, as archives of spectra exchange them"),
        "json": gettext("a list, an object a spectrum"),
        "csv": gettext("a line a point; large"),
        "xdi": gettext("an XDI file a spectrum, zipped; imports again unchanged"),
    }[format]
