"""The records of a public collection as an Atom feed."""

from __future__ import annotations

from typing import Any

from django.contrib.syndication.views import Feed
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.http import require_safe

from spectradb.models import Collection, Spectrum, Status
from spectradb.services.collections.cite import authors_of
from spectradb.services.collections.lists import spectra_in
from spectradb.views.site.records import in_xml, title_of
from spectradb.views.spectra.describe import source_line

_MOST = 50


class CollectionFeed(Feed):  # type: ignore[type-arg]
    """Its public records, those published last first."""

    feed_type = Atom1Feed

    def get_object(self, request: HttpRequest, pk: int) -> Collection:
        return get_object_or_404(Collection, pk=pk, status=Status.PUBLISHED)

    def title(self, obj: Any) -> str:
        return in_xml(f"SpectraDB: {obj.title}")

    def subtitle(self, obj: Any) -> str:
        return in_xml(obj.description)

    def link(self, obj: Any) -> str:
        return reverse("collection", args=[obj.pk])

    def author_name(self, obj: Any) -> str:
        return in_xml(authors_of(obj))

    def items(self, obj: Any) -> QuerySet[Spectrum]:
        rows: QuerySet[Spectrum] = spectra_in(obj, None).without_arrays().exclude(published_at=None)
        related = rows.select_related("structure", "site", "calculation", "measurement")
        return related.order_by("-published_at", "-pk")[:_MOST]

    def item_title(self, item: Any) -> str:
        return in_xml(title_of(item))

    def item_description(self, item: Any) -> str:
        return in_xml(source_line(item))

    def item_link(self, item: Any) -> str:
        return reverse("spectrum", args=[item.pk])

    def item_pubdate(self, item: Any) -> Any:
        return item.published_at

    def item_updateddate(self, item: Any) -> Any:
        return item.updated


feed = require_safe(CollectionFeed())
