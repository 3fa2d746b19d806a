"""Requests counted by view, with those that no view had to answer."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django_prometheus.middleware import PrometheusAfterMiddleware


class CountedByView(PrometheusAfterMiddleware):  # type: ignore[misc]
    """Middleware, outside what answers in a view's stead (kept answers, read-only mode)."""

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
