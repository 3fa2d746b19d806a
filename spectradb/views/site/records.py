"""Records for other sites: a plot to embed, a feed of what is new, a map for search engines."""

from __future__ import annotations

import json
import re
from typing import Any

from django.contrib.sitemaps import Sitemap
from django.contrib.syndication.views import Feed
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.safestring import mark_safe
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from spectradb.formulae import edge_text
from spectradb.models import Collection, Kind, Quantity, Spectrum, Status
from spectradb.plots.standalone import standalone
from spectradb.plots.svg import plain
from spectradb.services.collections.cite import authors_of, licences_of
from spectradb.services.collections.lists import spectra_in
from spectradb.services.doi.metadata import creators
from spectradb.views.spectra.describe import name_of, source_line
from spectradb.views.spectra.figures import rich_formula
from spectradb.views.spectra.spectrum_figure import Options, spectrum_figure

_FRAMED = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors *"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_CONTEXT = {"@vocab": "https://schema.org/"}  # nothing has to be fetched to read it
_PARTS = 1_000  # records of a collection that are named
_LICENCES = {"CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/"}


@require_safe
@xframe_options_exempt
def embed(request: HttpRequest, pk: int) -> HttpResponse:
    """A published plot for a frame on any site: no scripts, no cookies, nothing of the visitor."""
    row = get_object_or_404(
        Spectrum.objects.published().select_related(
            "structure", "site", "calculation", "measurement"
        ),
        pk=pk,
    )
    title = title_of(row)
    norm = "computed" if row.kind == Kind.THEORY else "raw"
    figure = spectrum_figure(row, Options(norm), None, None)
    drawn = rich_title(row)
    context = {
        "spectrum": row,
        "title": title,
        # Every name in them is escaped.
        "wide": mark_safe(standalone(figure, drawn)),  # noqa: S308
        "narrow": mark_safe(standalone(figure, drawn, width=400, height=330)),  # noqa: S308
        "address": request.build_absolute_uri(reverse("spectrum", args=[pk])),
    }
    response = render(request, "spectra/embed.html", context)
    response["Content-Security-Policy"] = _FRAMED
    return response


def title_of(row: Spectrum) -> str:
    """``Ti2O3, Ti L2,3, SDB-298``."""
    return plain(rich_title(row))


def rich_title(row: Spectrum) -> str:
    """The same in the plots' own markup."""
    name = rich_formula(row.formula) if row.formula else name_of(row)
    edge = re.sub(r"(?<=.)(\d.*)", r"_{\1}", edge_text(row.edge))
    return (
        f"{name}, {row.absorber} {edge}, SDB-{row.pk}" if row.absorber else f"{name}, SDB-{row.pk}"
    )


def in_xml(text: str) -> str:
    """Without the control characters that XML cannot hold: a file's header may have any."""
    return _CONTROL.sub(" ", text)


def dataset(row: Spectrum, request: HttpRequest) -> str:
    """A published record as JSON-LD (schema.org Dataset), safe inside a script element."""
    address = request.build_absolute_uri(reverse("spectrum", args=[row.pk]))
    about: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "Dataset",
        "@id": address,
        "url": address,
        "name": title_of(row),
        "description": f"{title_of(row)}: {Kind(row.kind).label}, {row.technique}, "
        f"{row.n_points} points from {row.energy_min:.1f} to {row.energy_max:.1f} eV. "
        f"{source_line(row)}".strip(),
        "identifier": f"https://doi.org/{row.doi}" if row.doi else f"SDB-{row.pk}",
        "version": row.version,
        "license": _LICENCES.get(row.licence, row.licence) or None,
        "citation": row.citation or None,
        "datePublished": row.published_at.date().isoformat() if row.published_at else None,
        "dateModified": row.updated.date().isoformat(),
        "measurementTechnique": row.technique,
        "variableMeasured": ["energy (eV)", Quantity(row.quantity).label],
        "isAccessibleForFree": True,
        "distribution": [
            {
                "@type": "DataDownload",
                "encodingFormat": kind,
                "contentUrl": request.build_absolute_uri(
                    reverse("spectrum-download", args=[row.pk, key])
                ),
            }
            for key, kind in (
                ("csv", "text/csv"),
                ("xdi", "text/plain"),
                ("nxxas", "application/x-hdf5"),
                ("json", "application/json"),
            )
        ],
    }
    return _in_script(about)


def collection_dataset(row: Collection, request: HttpRequest) -> str:
    """A public collection as JSON-LD, with the records that everyone sees."""
    address = request.build_absolute_uri(reverse("collection", args=[row.pk]))
    spectra = spectra_in(row, None)
    licences = licences_of(spectra)
    about: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "Dataset",
        "@id": address,
        "url": address,
        "name": row.title,
        "description": row.description or row.title,
        "identifier": f"https://doi.org/{row.doi}" if row.doi else f"SDB-C{row.pk}",
        "creator": [{"@type": "Person", "name": one["name"]} for one in creators(authors_of(row))],
        "version": row.version,
        "license": [_LICENCES.get(name, name) for name in licences] or None,
        "datePublished": row.published_at.date().isoformat() if row.published_at else None,
        "dateModified": row.updated.date().isoformat(),
        "isAccessibleForFree": True,
        "hasPart": [
            {
                "@type": "Dataset",
                "@id": request.build_absolute_uri(reverse("spectrum", args=[pk])),
            }
            for pk in spectra.values_list("pk", flat=True)[:_PARTS]
        ],
    }
    return _in_script(about)


def _in_script(about: dict[str, Any]) -> str:
    text = json.dumps({key: value for key, value in about.items() if value is not None})
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class NewRecords(Feed):  # type: ignore[type-arg]
    """The fifty spectra that were published last."""

    feed_type = Atom1Feed
    title = "SpectraDB"
    subtitle = "Spectra published last"
    link = "/spectra/?ordering=-published_at"

    def items(self) -> QuerySet[Spectrum]:
        rows = Spectrum.objects.published().exclude(published_at=None).without_arrays()
        related = rows.select_related("structure", "site", "calculation", "measurement")
        return related.order_by("-published_at", "-pk")[:50]

    def item_title(self, item: Any) -> str:
        return in_xml(title_of(item))

    def item_description(self, item: Any) -> str:
        return in_xml(source_line(item))

    def item_link(self, item: Any) -> str:
        return reverse("spectrum", args=[item.pk])

    def item_pubdate(self, item: Any) -> Any:
        return item.published_at

    def item_updateddate(self, item: Any) -> Any:
        return item.updated


class PublishedSpectra(Sitemap):  # type: ignore[type-arg]
    """Every published record; 10,000 a page."""

    limit = 10_000

    def items(self) -> QuerySet[Spectrum]:
        return Spectrum.objects.published().only("pk", "updated").order_by("pk")

    def location(self, item: Any) -> str:
        return reverse("spectrum", args=[item.pk])

    def lastmod(self, item: Any) -> Any:
        return item.updated


class Pages(Sitemap):  # type: ignore[type-arg]
    def items(self) -> list[str]:
        return [
            "home",
            "results",
            "coverage",
            "collections",
            "methods",
            "cite",
            "api-help",
            "privacy",
        ]

    def location(self, item: Any) -> str:
        return reverse(item)


class PublicCollections(Sitemap):  # type: ignore[type-arg]
    def items(self) -> QuerySet[Collection]:
        return Collection.objects.filter(status=Status.PUBLISHED).order_by("pk")

    def location(self, item: Any) -> str:
        return reverse("collection", args=[item.pk])

    def lastmod(self, item: Any) -> Any:
        return item.updated


MAPS = {"pages": Pages, "spectra": PublishedSpectra, "collections": PublicCollections}
