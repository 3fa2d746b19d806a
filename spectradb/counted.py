"""Requests counted by view, with those that no view had to answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve


def counted_by_view(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Middleware, outside what answers in a view's stead (kept answers, read-only mode)."""
    # Only where METRICS_TOKEN is set: what else imports this module may lack the package.
    from django_prometheus.middleware import PrometheusAfterMiddleware

    class CountedByView(PrometheusAfterMiddleware):  # type: ignore[misc]
        def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
            if request.resolver_match is None:
                try:
                    request.resolver_match = resolve(request.path_info)
                except Resolver404:
                    pass
                else:
                    self.process_view(request, None)
            counted: HttpResponse = super().process_response(request, response)
            return counted

    return CountedByView(get_response)
