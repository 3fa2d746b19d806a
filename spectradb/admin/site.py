"""Titles of the curation site."""

from __future__ import annotations

from django.contrib.admin import AdminSite


class SpectraAdminSite(AdminSite):
    site_title = "SpectraDB curation"
    site_header = "SpectraDB curation"
    index_title = "Curation"
