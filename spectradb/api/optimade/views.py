"""The OPTIMADE endpoints: info, links, structures."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from rest_framework.utils.urls import replace_query_param

from spectradb.api.optimade.grammar import FilterError, NotImplementedFilter, parse
from spectradb.api.optimade.query import PREFIX, condition
from spectradb.api.optimade.resources import (
    DEFAULT,
    PROPERTIES,
    needs_data,
    needs_elements,
    resource,
)
from spectradb.models import Structure
from spectradb.throttle import throttled

API_VERSION = "1.2.0"
_SCHEMA = "https://schemas.optimade.org/openapi/v1.2/optimade.json"
PAGE_LIMIT, MAX_PAGE_LIMIT = 20, 200
_PROVIDER = {
    "name": "SpectraDB",
    "description": "Core-level spectra and the structures they belong to.",
    "prefix": PREFIX.strip("_"),
}
_ENTRY_KEYS = {"response_format", "email_address", "response_fields"}
_LIST_KEYS = _ENTRY_KEYS | {
    "filter", "page_limit", "page_offset", "page_above", "sort", "include",
}  # fmt: skip


class _Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail


def _too_many(request: HttpRequest, seconds: int) -> JsonResponse:
    def work() -> dict[str, Any]:
        raise _Refused(429, "Too Many Requests", f"ask again in {seconds} s")

    return _answer(request, work)


_limited = throttled("optimade", _too_many)


@require_safe
@_limited
def versions(request: HttpRequest) -> HttpResponse:
    """The major versions served, as the standard wants it: CSV."""
    return HttpResponse("version\n1\n", content_type="text/csv; header=present; charset=utf-8")


@require_safe
@_limited
def info(request: HttpRequest) -> JsonResponse:
    """What this server is and serves."""
    base = request.build_absolute_uri("/optimade/v1/")
    attributes = {
        "api_version": API_VERSION,
        "available_api_versions": [{"url": base, "version": API_VERSION}],
        "formats": ["json"],
        "available_endpoints": ["info", "links", "structures"],
        "entry_types_by_format": {"json": ["structures"]},
        "is_index": False,
    }
    return _answer(request, lambda: {"data": {"id": "/", "type": "info", "attributes": attributes}})


@require_safe
@_limited
def info_structures(request: HttpRequest) -> JsonResponse:
    """The properties of a structure."""
    described = {
        name: {"description": text, "type": kind, "sortable": False}
        for name, (kind, text, _) in PROPERTIES.items()
    }
    base = {"type": "string", "sortable": False}
    return _answer(
        request,
        lambda: {
            "data": {
                "id": "structures",
                "type": "info",
                "description": "Crystal structures.",
                "properties": {
                    "id": {"description": "Our own number.", **base},
                    "type": {"description": "structures", **base},
                    **described,
                },
                "formats": ["json"],
                "output_fields_by_format": {"json": ["id", "type", *PROPERTIES]},
            }
        },
    )


@require_safe
@_limited
def links(request: HttpRequest) -> JsonResponse:
    """No other databases are linked from here."""
    return _answer(request, lambda: {"data": []}, counted=(0, 0))


@require_safe
@_limited
def structures(request: HttpRequest) -> JsonResponse:
    """Structures that meet ``filter``."""

    def work() -> dict[str, Any]:
        _check_keys(request, _LIST_KEYS)
        names = _response_fields(request)
        rows = Structure.objects.filter(_asked(request)).order_by("pk")
        total = rows.count()
        limit = _number(request, "page_limit", PAGE_LIMIT)
        if not 1 <= limit <= MAX_PAGE_LIMIT:
            raise _Refused(403, "Forbidden", f"page_limit is from 1 to {MAX_PAGE_LIMIT}")
        if above := request.GET.get("page_above"):
            if not (above.isascii() and above.isdecimal() and len(above) < 19):
                raise _Refused(400, "Bad Request", "page_above is the id of a structure")
            rows = rows.filter(pk__gt=int(above))
        offset = _number(request, "page_offset", 0)
        page = list(_loaded(rows, names)[offset : offset + limit + 1])
        more = len(page) > limit
        address = request.build_absolute_uri()
        if more:
            address = replace_query_param(address, "page_above", str(page[limit - 1].pk))
            address = replace_query_param(address, "page_offset", "0")
        return {
            "data": [resource(row, names) for row in page[:limit]],
            "links": {"next": address if more else None},
            "meta": {"data_returned": total, "more_data_available": more},
        }

    return _answer(request, work)


@require_safe
@_limited
def structure(request: HttpRequest, pk: str) -> JsonResponse:
    """One structure; ``null`` where there is none, as the standard wants it."""

    def work() -> dict[str, Any]:
        _check_keys(request, _ENTRY_KEYS)
        names = _response_fields(request)
        known = Structure.objects.filter(pk=int(pk)) if len(pk) < 19 else Structure.objects.none()
        row = _loaded(known, names).first()
        return {
            "data": None if row is None else resource(row, names),
            "meta": {"data_returned": int(row is not None), "more_data_available": False},
        }

    return _answer(request, work)


@require_safe
@_limited
def unknown(request: HttpRequest, rest: str) -> JsonResponse:
    """Anything else under the base address."""

    def work() -> dict[str, Any]:
        raise _Refused(404, "Not Found", f"there is no endpoint {rest!r}")

    return _answer(request, work)


def _asked(request: HttpRequest) -> Q:
    text = request.GET.get("filter", "").strip()
    return condition(parse(text)) if text else Q()


def _loaded(rows: QuerySet[Structure], names: set[str]) -> QuerySet[Structure]:
    if needs_elements(names):
        rows = rows.prefetch_related("element_rows")
    return rows if needs_data(names) else rows.defer("data")


def _number(request: HttpRequest, key: str, default: int) -> int:
    text = request.GET.get(key)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise _Refused(400, "Bad Request", f"{key} is {text!r}, not a whole number")
    return int(text)


def _check_keys(request: HttpRequest, known: set[str]) -> None:
    if request.GET.get("response_format", "json") != "json":
        raise _Refused(400, "Bad Request", "response_format: only json is served")
    for key in request.GET:
        foreign = key.startswith("_") and not key.startswith(PREFIX)
        if key not in known and not foreign:
            raise _Refused(400, "Bad Request", f"unknown parameter {key}")
    for key in ("sort", "include"):
        if request.GET.get(key):
            raise _Refused(400, "Bad Request", f"{key} is not offered")


def _response_fields(request: HttpRequest) -> set[str]:
    text = request.GET.get("response_fields")
    if text is None:
        return set(DEFAULT)
    names = {name.strip() for name in text.split(",") if name.strip()} - {"id", "type"}
    # Properties of other providers are to be ignored, unknown ones of the standard refused.
    names = {name for name in names if not name.startswith("_") or name.startswith(PREFIX)}
    if wrong := sorted(names - set(PROPERTIES)):
        raise _Refused(400, "Bad Request", f"response_fields: no property {', '.join(wrong)}")
    return names


def _answer(
    request: HttpRequest, work: Any, counted: tuple[int, int] | None = None
) -> JsonResponse:
    status, body = 200, {}
    try:
        body = work()
    except FilterError as error:
        status, body = 400, _error(400, "Bad Request", str(error))
    except NotImplementedFilter as error:
        status, body = 501, _error(501, "Not Implemented", str(error))
    except _Refused as error:
        status, body = error.status, _error(error.status, error.title, error.detail)
    path = request.get_full_path().removeprefix("/optimade/v1").removeprefix("/optimade")
    meta = {
        "query": {"representation": path},
        "api_version": API_VERSION,
        "more_data_available": False,
        "time_stamp": timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "schema": _SCHEMA,
        "provider": _PROVIDER,
        "implementation": {"name": "SpectraDB", "version": settings.VERSION},
        **({"data_returned": counted[0]} if counted else {}),
    }
    body["meta"] = meta | body.get("meta", {})
    return JsonResponse(body, status=status, content_type="application/vnd.api+json")


def _error(status: int, title: str, detail: str) -> dict[str, Any]:
    return {"errors": [{"status": str(status), "title": title, "detail": detail}]}
