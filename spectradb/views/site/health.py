"""What machines ask: is it alive, can it serve, what may be crawled."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import RedisError

from spectradb.database_state import is_migrated
from spectradb.services.queue.keys import is_the_sites

_NOT_CRAWLED = (
    "admin/", "api/v1/", "optimade/", "export/", "account/", "jobs/", "*/fit/", "*?", "bring/",
    "file/", "crystal/", "share/", "shared/", "compare/", "fit/", "normalisation/", "password/",
)  # fmt: skip
"""Work for the server, the same page in other words, or what is somebody's own."""


@require_safe
@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers; asks nothing else."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """200 if database, tables, cache and folder are there and the signing key is that of the
    site's workers; else 503 and which is not."""
    checks = {
        "database": _database(),
        "migrations": False,
        "key": False,
        "cache": _cache(),
        "folder": os.access(settings.VAR_DIR, os.R_OK | os.X_OK),
    }
    checks["migrations"] = checks["database"] and _migrated()
    # A site for reading sends no jobs, and may be a copy with a key of its own.
    checks["key"] = settings.READ_ONLY or (checks["migrations"] and is_the_sites())
    good = all(checks.values())
    told: dict[str, Any] = {"status": "ready" if good else "not ready", "checks": checks}
    return JsonResponse(told, status=200 if good else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _migrated() -> bool:
    try:
        return is_migrated()
    except DatabaseError:
        return False


def _cache() -> bool:
    try:
        cache.set("ready", 1, 10)
        return bool(cache.get("ready") == 1)
    except RedisError:
        return False


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Pages of spectra and structures may be crawled."""
    lines = ["User-agent: *", *(f"Disallow: /{path}" for path in _NOT_CRAWLED), "Crawl-delay: 5"]
    lines.append(f"Sitemap: {request.build_absolute_uri(reverse('sitemap'))}")
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Where browsers look without being told."""
    return redirect(static("img/icon.svg"), permanent=False)


__all__ = ["alive", "favicon", "ready", "robots"]
