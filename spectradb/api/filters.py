"""The search language as DRF calls it: an unknown key or a bad value is a 400."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from spectradb.filters import StrictFilterSet


class StrictFilterBackend(DjangoFilterBackend):
    """Filters by the view's ``filterset_class``; refuses what that does not know."""

    def filter_queryset(  # type: ignore[override]  # DRF's request, as its own base declares
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        kind = cast("type[StrictFilterSet] | None", self.get_filterset_class(view, queryset))
        also = set(getattr(view, "query_keys", ()))
        if kind is None:
            return queryset
        if errors := kind.check_keys(request.query_params, also):
            raise ValidationError(errors)
        bound = kind(request.query_params, queryset=queryset, request=request)
        if not bound.is_valid():
            raise ValidationError(bound.search_errors())
        return bound.qs
