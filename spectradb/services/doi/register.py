"""Registration at DataCite through its REST API (https://support.datacite.org/docs/api).

Off unless ``DATACITE_PREFIX``, ``DATACITE_USER`` and ``DATACITE_PASSWORD`` are set. A DOI is ours
to choose, so the same request makes it or brings it up to date: asked again after a lost answer,
it does no harm.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from django.conf import settings

from spectradb.models import Collection, Status
from spectradb.services.collections.lists import spectra_in
from spectradb.services.doi.metadata import Metadata, of_collection, of_release
from spectradb.services.library.release import read_release

_SECONDS = 30.0
_MOST_BYTES = 10**6
_TYPE = "application/vnd.api+json"


class DoiError(ValueError):
    """A DOI that was not registered, and why."""

    cause = "DOI not registered"
    permanent = True

    def __init__(self, message: str, *, permanent: bool = True) -> None:
        super().__init__(message)
        self.permanent = permanent


def doi_of(suffix: str) -> str:
    """The whole DOI.

    Raises
    ------
    DoiError
        If no prefix is set.
    """
    if not (settings.DATACITE_PREFIX and settings.DATACITE_USER and settings.DATACITE_PASSWORD):
        raise DoiError(
            "registration is off: set DATACITE_PREFIX, DATACITE_USER and DATACITE_PASSWORD"
        )
    return f"{settings.DATACITE_PREFIX}/{suffix}"


def collection_doi(row: Collection, address: str) -> tuple[str, Metadata]:
    """What would be registered for a public collection.

    Raises
    ------
    DoiError
        If it is not public, or has nothing that everyone sees.
    """
    if row.status != Status.PUBLISHED:
        raise DoiError(f"collection {row.pk} is {row.status}: only a public one gets a DOI")
    spectra = spectra_in(row, None)
    if not spectra.exists():
        raise DoiError(f"collection {row.pk} has no spectrum that everyone sees")
    return row.doi or doi_of(f"sdb-c{row.pk}"), of_collection(row, spectra, address)


def release_doi(folder: Path, address: str) -> tuple[str, Metadata]:
    """What would be registered for a release of the library.

    Raises
    ------
    DoiError
        If no prefix is set.
    ReadError
        If the folder is no whole release.
    """
    manifest = read_release(folder).manifest
    return doi_of(f"release-{manifest['version']}"), of_release(manifest, address)


def register_collection(row: Collection, address: str) -> str:
    """Register the DOI of a collection, or bring what is told of it up to date; the DOI.

    Raises
    ------
    DoiError
        As :func:`collection_doi` and :func:`register`.
    """
    doi, metadata = collection_doi(row, address)
    register(doi, metadata)
    if row.doi != doi:
        row.doi = doi
        row.save(update_fields=["doi"])
    return doi


def register(doi: str, metadata: Metadata) -> None:
    """Make a DOI findable, with this metadata.

    Raises
    ------
    DoiError
        With what DataCite said, if it refuses or cannot be reached.
    """
    doi_of("")
    attributes = {"doi": doi, "event": "publish", **metadata}
    body = {"data": {"id": doi, "type": "dois", "attributes": attributes}}
    sign_in = f"{settings.DATACITE_USER}:{settings.DATACITE_PASSWORD}".encode()
    request = Request(
        f"{settings.DATACITE_URL}/dois/{quote(doi, safe='/')}",
        data=json.dumps(body).encode(),
        method="PUT",
        headers={
            "Content-Type": _TYPE,
            "Accept": _TYPE,
            "Authorization": f"Basic {base64.b64encode(sign_in).decode()}",
        },
    )
    try:
        with urlopen(request, timeout=_SECONDS) as answer:
            told = json.loads(answer.read(_MOST_BYTES))
    except HTTPError as error:
        raise DoiError(
            f"{doi}: DataCite answers {error.code}: {_reason(error)}",
            permanent=error.code < 500 and error.code != 429,
        ) from error
    except (URLError, TimeoutError, ConnectionError) as error:
        raise DoiError(f"{doi}: DataCite is not reached: {error}", permanent=False) from error
    except ValueError as error:
        raise DoiError(f"{doi}: what DataCite answers is no JSON", permanent=False) from error
    state = _state(told)
    if state != "findable":
        raise DoiError(f"{doi}: DataCite keeps it as {state!r}, not findable")


def _state(told: Any) -> str | None:
    try:
        return str(told["data"]["attributes"]["state"])
    except (KeyError, TypeError):
        return None


def _reason(error: HTTPError) -> str:
    text = error.read(2000).decode("utf-8", "replace")
    try:
        return "; ".join(str(one["title"]) for one in json.loads(text)["errors"])
    except (ValueError, KeyError, TypeError):
        return text.strip()[:200] or error.reason
