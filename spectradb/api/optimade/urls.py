"""Addresses of OPTIMADE, version 1."""

from __future__ import annotations

from django.urls import path, re_path

from spectradb.api.optimade import views

app_name = "optimade"
urlpatterns = [
    path("versions", views.versions, name="versions"),
    path("v1/versions", views.versions),
    re_path(r"^v1/info/?$", views.info, name="info"),
    re_path(r"^v1/info/structures/?$", views.info_structures, name="info-structures"),
    re_path(r"^v1/links/?$", views.links, name="links"),
    re_path(r"^v1/structures/?$", views.structures, name="structures"),
    re_path(r"^v1/structures/(?P<pk>[0-9]+)/?$", views.structure, name="structure"),
    path("v1/<path:rest>", views.unknown, name="unknown"),
]
