"""Addresses of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("spectradb.api.urls")),
    path("optimade/", include("spectradb.api.optimade.urls")),
]
