"""The list of series, and several ordinary spectra made into one."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from spectradb.filters import SearchError, apply_where
from spectradb.models import Series, Status
from spectradb.plots import sparkline_path
from spectradb.services.accounts.roles import may_contribute
from spectradb.views.series.describe import axis_label, name_of, size_words

PAGE_SIZE = 20
_KEYS = ("absorber", "edge", "status", "q")


@require_safe
def browse(request: HttpRequest) -> HttpResponse:
    """Series that this person sees; the address holds the choice."""
    query = {key: [v.strip() for v in request.GET.getlist(key) if v.strip()] for key in _KEYS}
    query = {key: values for key, values in query.items() if values}
    seen = Series.objects.visible_to(request.user)
    context: dict[str, Any] = {
        "query": {key: values[0] for key, values in query.items()},
        "absorbers": _values(seen, "absorber"),
        "edges": _values(seen, "edge"),
        "statuses": [one for one in Status if one.value in set(_values(seen, "status"))],
        "may_contribute": may_contribute(request.user),
    }
    try:
        rows = apply_where(Series, query, request.user).order_by("-pk").defer("counted", "preview")
    except SearchError as error:
        context["errors"] = error.errors
        return render(request, "series/browse.html", context, status=400)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context["page"] = page
    context["rows"] = [
        {
            "row": row,
            "name": name_of(row),
            "sizes": size_words(row),
            "axes": ", ".join(axis_label(axis) for axis in row.axes),
            "spark": sparkline_path(row.energy, row.summed, points=48),
            "thumb": reverse("series-picture", args=[row.pk, "png"]) + "?small=1"
            if len(row.shape) > 1
            else "",
        }
        for row in page.object_list
    ]
    return render(request, "series/browse.html", context)


def _values(rows: Any, column: str) -> list[str]:
    return [one for one in rows.order_by(column).values_list(column, flat=True).distinct() if one]
