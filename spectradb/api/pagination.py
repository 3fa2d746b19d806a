"""Pages that neither skip nor repeat a row while others are being added."""

from __future__ import annotations

from rest_framework.pagination import PageNumberPagination


class StablePagination(PageNumberPagination):
    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = 200
