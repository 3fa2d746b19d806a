"""What every page needs to know."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from spectradb.services.curation.notices import n_unread
from spectradb.views.site.brought import tray

THEMES = ("light", "dark")


def site(request: HttpRequest) -> dict[str, Any]:
    """Theme chosen by the reader (none: the system's), version, the part of the site we are in."""
    theme = request.COOKIES.get("theme", "")
    match = request.resolver_match
    name = match.url_name if match else ""
    return {
        "theme": theme if theme in THEMES else "",
        "version": settings.VERSION,
        "read_only": settings.READ_ONLY,
        "section": SECTIONS.get(name or "", ""),
        "tray": SimpleLazyObject(lambda: tray(request)),
        "n_unread": SimpleLazyObject(lambda: n_unread(request.user)),
    }


SECTIONS = {
    "series-browse": "series",
    "series": "series",
    "series-report": "series",
    "series-combine": "series",
    "series-draft": "series",
    "results": "browse",
    "coverage": "coverage",
    "spectrum": "browse",
    "structure": "browse",
    "spectrum-fit": "browse",
    "structures": "browse",
    "collections": "browse",
    "collection": "browse",
    "collection-add": "browse",
    "compare": "compare",
    "match": "match",
    "match-run": "match",
    "match-how": "match",
    "predict": "predict",
    "predict-structure": "predict",
    "predict-upload": "predict",
    "models": "models",
    "model": "models",
    "model-residuals": "models",
    "upload": "upload",
    "upload-answer": "upload",
    "spectrum-draft": "upload",
    "multiplet": "multiplet",
    "crystal": "multiplet",
    "jobs": "jobs",
    "job": "jobs",
}
