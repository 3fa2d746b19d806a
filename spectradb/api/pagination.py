"""Pages that neither skip nor repeat a row while others are being added.

A page ends at a row, and the link to the next one holds that row's place in the order (its value
and its number), not a count of rows to skip; so a deep page costs no more than the first.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Field, Model, OrderBy, Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

_LARGEST = 2**63 - 1


class StablePagination(BasePagination):
    """``cursor`` and ``page_size`` in, ``count``, ``next`` and ``results`` out."""

    page_size = 25
    max_page_size = 200
    keys = ("cursor", "page_size")

    def paginate_queryset(  # type: ignore[override]  # querysets only
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        self.request = request
        self.count = self.count_rows(queryset, view)
        size = self._size(request)
        path, descending = _order(queryset)
        if cursor := request.query_params.get("cursor"):
            queryset = queryset.filter(self._after(queryset.model, path, descending, cursor))
        rows = list(queryset[: size + 1])
        self.next_cursor = _encode(rows[size - 1], path) if len(rows) > size else None
        return rows[:size]

    def count_rows(self, queryset: QuerySet[Any], view: APIView | None) -> int:
        """How many rows the search finds; a view that knows faster says so."""
        known = getattr(view, "count_rows", None)
        return int(known(queryset)) if known is not None else queryset.count()

    def get_paginated_response(self, data: Any) -> Response:
        link = None
        if self.next_cursor is not None:
            address = self.request.build_absolute_uri()
            link = replace_query_param(address, "cursor", self.next_cursor)
        return Response({"count": self.count, "next": link, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["count", "next", "results"],
            "properties": {
                "count": {"type": "integer", "description": "Rows that the search finds."},
                "next": {"type": "string", "format": "uri", "nullable": True},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": self.max_page_size}
        return [
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "Where the page begins; taken from ``next``.",
                "schema": {"type": "string"},
            },
            {
                "name": "page_size",
                "in": "query",
                "required": False,
                "description": f"Rows in a page; {self.page_size} unless said.",
                "schema": size,
            },
        ]

    def _size(self, request: Request) -> int:
        text = request.query_params.get("page_size")
        if text is None:
            return self.page_size
        if not (text.isascii() and text.isdecimal() and len(text) < 9):
            raise ValidationError({"page_size": [f"{text!r} is not a whole number"]})
        if not 1 <= int(text) <= self.max_page_size:
            raise ValidationError({"page_size": [f"must be from 1 to {self.max_page_size}"]})
        return int(text)

    def _after(self, model: type[Model], path: str, descending: bool, cursor: str) -> Q:
        try:
            value, pk = json.loads(base64.urlsafe_b64decode(cursor.encode()))
            if type(pk) is not int or not 0 <= pk <= _LARGEST:
                raise ValueError("not a row number")
            if value is not None:
                value = _field(model, path).to_python(value)
                if isinstance(value, int) and abs(value) > _LARGEST:
                    raise ValueError("not a stored value")
        except (ValueError, TypeError, binascii.Error, DjangoValidationError) as error:
            raise ValidationError({"cursor": ["not a cursor of this list"]}) from error
        if path == "pk":
            return Q(pk__lt=pk) if descending else Q(pk__gt=pk)
        if value is None:
            return Q(**{f"{path}__isnull": True, "pk__gt": pk})
        beyond = f"{path}__lt" if descending else f"{path}__gt"
        return (
            Q(**{beyond: value}) | Q(**{path: value, "pk__gt": pk}) | Q(**{f"{path}__isnull": True})
        )


def _order(queryset: QuerySet[Any]) -> tuple[str, bool]:
    """Path and direction of the first key of the order; by number when there is none."""
    first = next(iter(_keys(queryset)), "pk")
    if isinstance(first, OrderBy):
        expression = first.expression
        path = str(getattr(expression, "name", "pk"))  # of an F
        return path, bool(first.descending)
    path, descending = first.lstrip("-"), first.startswith("-")
    return ("pk" if path == "id" else path), descending


def _keys(queryset: QuerySet[Any]) -> Sequence[Any]:
    return queryset.query.order_by or tuple(queryset.model._meta.ordering or ())


def _field(model: type[Model], path: str) -> Field[Any, Any]:
    *through, last = path.split("__")
    for name in through:
        related = model._meta.get_field(name).related_model
        assert isinstance(related, type)
        model = related
    name = model._meta.pk.name if last == "pk" and model._meta.pk else last
    field = model._meta.get_field(name)
    assert isinstance(field, Field)
    return field


def _encode(row: Any, path: str) -> str:
    value: Any = row
    for name in path.split("__"):
        value = getattr(value, name, None)
    if hasattr(value, "isoformat"):
        value = value.isoformat()
    return base64.urlsafe_b64encode(json.dumps([value, row.pk]).encode()).decode()
