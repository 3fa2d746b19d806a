"""What DataCite is told: its metadata schema 4.5 (https://schema.datacite.org) as its JSON."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import QuerySet

from spectradb.models import Collection, Spectrum
from spectradb.services.collections.cite import authors_of, licences_of

Metadata = dict[str, Any]
_SCHEMA = "http://datacite.org/schema/kernel-4"
_PUBLISHER = {"name": "SpectraDB"}
_RIGHTS = {
    "CC BY 4.0": {
        "rights": "Creative Commons Attribution 4.0 International",
        "rightsUri": "https://creativecommons.org/licenses/by/4.0/legalcode",
        "rightsIdentifier": "cc-by-4.0",
        "rightsIdentifierScheme": "SPDX",
        "schemeUri": "https://spdx.org/licenses/",
    },
    "CC0 1.0": {
        "rights": "Creative Commons Zero v1.0 Universal",
        "rightsUri": "https://creativecommons.org/publicdomain/zero/1.0/legalcode",
        "rightsIdentifier": "cc0-1.0",
        "rightsIdentifierScheme": "SPDX",
        "schemeUri": "https://spdx.org/licenses/",
    },
}


def of_collection(row: Collection, spectra: QuerySet[Spectrum], address: str) -> Metadata:
    """A public collection.

    Parameters
    ----------
    spectra : QuerySet
        Those of it that everyone sees.
    address : str
        Of its page, where the DOI leads.
    """
    cited = spectra.exclude(doi="").order_by("doi").values_list("doi", flat=True).distinct()
    relations = [related(doi, "IsDerivedFrom") for doi in cited]
    if row.replaces is not None and row.replaces.doi:
        relations.insert(0, related(row.replaces.doi, "IsNewVersionOf"))
    n = spectra.count()
    published = row.published_at or row.updated
    about: Metadata = {
        "url": address,
        "types": {"resourceTypeGeneral": "Collection", "resourceType": "Core-level spectra"},
        "creators": creators(authors_of(row)),
        "titles": [{"title": row.title}],
        "publisher": _PUBLISHER,
        "publicationYear": str(published.year),
        "subjects": [{"subject": "X-ray absorption spectroscopy"}],
        "dates": [
            {"date": f"{published:%Y-%m-%d}", "dateType": "Issued"},
            {"date": f"{row.updated:%Y-%m-%d}", "dateType": "Updated"},
        ],
        "alternateIdentifiers": [
            {"alternateIdentifier": f"SDB-C{row.pk}", "alternateIdentifierType": "SpectraDB"}
        ],
        "relatedIdentifiers": relations,
        "sizes": [f"{n} {'spectrum' if n == 1 else 'spectra'}"],
        "version": str(row.version),
        "rightsList": rights(licences_of(spectra)),
        "schemaVersion": _SCHEMA,
    }
    if row.description:
        about["descriptions"] = [
            {"description": row.description, "descriptionType": "Abstract"},
        ]
    return about


def of_release(manifest: dict[str, Any], address: str, replaces: str = "") -> Metadata:
    """A release of the library, from its manifest (:mod:`spectradb.services.library.release`).

    Parameters
    ----------
    replaces : str
        DOI of the release before it.
    """
    version = str(manifest["version"])
    counts = manifest.get("counts", {})
    return {
        "url": address,
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Core-level spectra"},
        "creators": [{"name": "SpectraDB", "nameType": "Organizational"}],
        "titles": [{"title": f"SpectraDB library of computed core-level spectra, {version}"}],
        "publisher": _PUBLISHER,
        "publicationYear": version[:4],
        "subjects": [{"subject": "X-ray absorption spectroscopy"}],
        "descriptions": [
            {"description": str(manifest["citation"]), "descriptionType": "Abstract"},
        ],
        "relatedIdentifiers": [related(replaces, "IsNewVersionOf")] if replaces else [],
        "sizes": [f"{n} {name}" for name, n in counts.items() if isinstance(n, int)],
        "formats": ["application/vnd.apache.parquet"],
        "version": version,
        "rightsList": rights([str(manifest["licence"])]),
        "schemaVersion": _SCHEMA,
    }


def related(doi: str, relation: str) -> Metadata:
    """What a thing has to do with that of another DOI."""
    return {
        "relatedIdentifier": doi,
        "relatedIdentifierType": "DOI",
        "relationType": relation,
    }


def creators(authors: str) -> list[Metadata]:
    """The names of a line of authors: between semicolons or "and", or commas between whole names.

    ``Curie, M.; Bohr, N.`` and ``Marie Curie, Niels Bohr`` are two each.
    """
    parts = [part.strip() for part in re.split(r";|&|\band\b", authors) if part.strip()]
    if len(parts) == 1 or not any("," in part and ";" in authors for part in parts):
        whole = [one.strip() for part in parts for one in part.split(",") if one.strip()]
        if all(" " in one for one in whole):
            parts = whole
    return [{"name": part} for part in parts or ["SpectraDB"]]


def rights(licences: list[str]) -> list[Metadata]:
    return [_RIGHTS.get(name, {"rights": name}) for name in licences]
