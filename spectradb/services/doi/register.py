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
from spectradb.services.doi.metadata import Metadata, of_collection, of_release, related
from spectradb.services.library.release import read_release

_SECONDS = 30.0
_MOST_BYTES = 10**6
_REPLACED = "IsPreviousVersionOf"
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


def release_doi(folder: Path, address: str, replaces: str = "") -> tuple[str, Metadata]:
    """What would be registered for a release of the library.

    Parameters
    ----------
    replaces : str
        The version before it, if that has a DOI.

    Raises
    ------
    DoiError
        If no prefix is set.
    ReadError
        If the folder is no whole release.
    """
    manifest = read_release(folder).manifest
    if replaces == manifest["version"]:
        raise DoiError(f"release {replaces} does not replace itself")
    older = doi_of(f"release-{replaces}") if replaces else ""
    return doi_of(f"release-{manifest['version']}"), of_release(manifest, address, older)


def register_collection(row: Collection, address: str) -> str:
    """Register the DOI of a collection, or bring what is told of it up to date; the DOI.

    That of the version whose place it took leads on to it.

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
    tell_replaced(doi, metadata)
    return doi


def register(doi: str, metadata: Metadata) -> None:
    """Make a DOI findable, with this metadata.

    Raises
    ------
    DoiError
        With what DataCite said, if it refuses or cannot be reached; or if a DOI that this one
        replaces is not there, which would be told for ever.
    """
    for older in _replaced(metadata):
        if _relations_of(older) is None:
            raise DoiError(f"{older}, which {doi} replaces, is not registered")
    # That it was replaced is told by the one that replaced it.
    told = [
        *metadata.get("relatedIdentifiers", []),
        *(one for one in _relations_of(doi) or [] if one["relationType"] == _REPLACED),
    ]
    attributes = {"event": "publish", **metadata, "relatedIdentifiers": told}
    state = _attributes(_ask("PUT", doi, attributes)).get("state")
    if state != "findable":
        raise DoiError(f"{doi}: DataCite keeps it as {state!r}, not findable")


def tell_replaced(doi: str, metadata: Metadata) -> None:
    """Tell of each DOI that this one is the new version of what follows it; all else there stays.

    Raises
    ------
    DoiError
        As :func:`register`.
    """
    follows = related(doi, _REPLACED)
    for older in _replaced(metadata):
        known = _relations_of(older) or []
        if not any(follows.items() <= had.items() for had in known):
            _ask("PUT", older, {"relatedIdentifiers": [*known, follows]})


def _replaced(metadata: Metadata) -> list[str]:
    """DOIs that this metadata calls the versions before."""
    related_to = metadata.get("relatedIdentifiers", [])
    return [
        one["relatedIdentifier"] for one in related_to if one["relationType"] == "IsNewVersionOf"
    ]


def _relations_of(doi: str) -> list[Metadata] | None:
    """What is told there of its relations; None of a DOI that is not there."""
    try:
        return _attributes(_ask("GET", doi)).get("relatedIdentifiers") or []
    except DoiError as error:
        if isinstance(error.__cause__, HTTPError) and error.__cause__.code == 404:
            return None
        raise


def _ask(method: str, doi: str, attributes: Metadata | None = None) -> Any:
    doi_of("")
    body = {"data": {"id": doi, "type": "dois", "attributes": {"doi": doi, **(attributes or {})}}}
    sign_in = f"{settings.DATACITE_USER}:{settings.DATACITE_PASSWORD}".encode()
    request = Request(
        f"{settings.DATACITE_URL}/dois/{quote(doi, safe='/')}",
        data=json.dumps(body).encode() if attributes is not None else None,
        method=method,
        headers={
            "Content-Type": _TYPE,
            "Accept": _TYPE,
            "Authorization": f"Basic {base64.b64encode(sign_in).decode()}",
        },
    )
    try:
        with urlopen(request, timeout=_SECONDS) as answer:
            return json.loads(answer.read(_MOST_BYTES))
    except HTTPError as error:
        raise DoiError(
            f"{doi}: DataCite answers {error.code}: {_reason(error)}",
            permanent=error.code < 500 and error.code != 429,
        ) from error
    except (URLError, TimeoutError, ConnectionError) as error:
        raise DoiError(f"{doi}: DataCite is not reached: {error}", permanent=False) from error
    except ValueError as error:
        raise DoiError(f"{doi}: what DataCite answers is no JSON", permanent=False) from error


def _attributes(told: Any) -> Metadata:
    try:
        return dict(told["data"]["attributes"])
    except (KeyError, TypeError, ValueError):
        return {}


def _reason(error: HTTPError) -> str:
    text = error.read(2000).decode("utf-8", "replace")
    try:
        return "; ".join(str(one["title"]) for one in json.loads(text)["errors"])
    except (ValueError, KeyError, TypeError):
        return text.strip()[:200] or error.reason
