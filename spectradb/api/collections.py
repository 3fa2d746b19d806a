"""Collections over HTTP: what is public is read by all, one's own are written."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response

from spectradb.api.base import StrictMixin
from spectradb.models import Collection
from spectradb.services.collections import lists
from spectradb.services.collections.cite import authors_of
from spectradb.services.collections.lists import CollectionError


class EntrySerializer(serializers.Serializer[Any]):
    """A spectrum of a collection, and what is said of it there."""

    spectrum = serializers.IntegerField(min_value=1, max_value=10**17)
    note = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class EntriesSerializer(serializers.Serializer[Any]):
    entries = EntrySerializer(many=True)


class HeadSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=120)
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    authors = serializers.CharField(max_length=300, required=False, allow_blank=True)


class CollectionSerializer(serializers.ModelSerializer[Collection]):
    """``entries`` are those that the reader may see, in order; a list of collections has none."""

    authors = serializers.SerializerMethodField()

    class Meta:
        model = Collection
        fields = (
            "id", "title", "description", "authors", "status", "doi", "version", "created",
            "updated", "published_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_authors(self, row: Collection) -> str:
        return authors_of(row)


class WholeCollectionSerializer(CollectionSerializer):
    entries = serializers.SerializerMethodField()

    class Meta:
        model = Collection
        fields = (*CollectionSerializer.Meta.fields, "entries")
        read_only_fields = fields

    @extend_schema(responses=EntrySerializer(many=True))
    def get_entries(self, row: Collection) -> list[dict[str, Any]]:
        user = self.context["request"].user
        notes = dict(lists.entries_of(row))
        shown = lists.spectra_in(row, user).values_list("pk", flat=True)
        return [{"spectrum": pk, "note": notes[pk]} for pk in shown]


class CollectionViewSet(
    StrictMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Collection],
):
    """Named lists of spectra. Their owner makes, changes, fills and deletes them."""

    permission_classes = (IsAuthenticatedOrReadOnly,)
    filter_backends = ()
    action_keys = {"list": ("cursor", "page_size")}  # noqa: RUF012
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Collection]:
        rows = Collection.objects.visible_to(self.request.user)
        return rows.select_related("contributor").order_by("pk")

    def get_serializer_class(self) -> type[CollectionSerializer]:
        return CollectionSerializer if self.action == "list" else WholeCollectionSerializer

    @extend_schema(request=HeadSerializer, responses={201: WholeCollectionSerializer})
    def create(self, request: Request) -> Response:
        """An empty collection of one's own."""
        given = HeadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            row = lists.create(cast(User, request.user), **given.validated_data)
        except CollectionError as error:
            raise ValidationError({"title": [str(error)]}) from error
        return Response(self._told(row), status=201)

    @extend_schema(request=HeadSerializer, responses={200: WholeCollectionSerializer})
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change title, description or authors of one's own."""
        given = HeadSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        row = self._own()
        try:
            row = lists.change(row, request.user, given.validated_data)
        except CollectionError as error:
            raise ValidationError({"title": [str(error)]}) from error
        return Response(self._told(row))

    def destroy(self, request: Request, pk: str) -> Response:
        """Delete one's own, as long as it is not public."""
        try:
            lists.discard(self.get_object(), request.user)
        except CollectionError as error:
            raise ValidationError({"status": [str(error)]}) from error
        return Response(status=204)

    @extend_schema(request=EntriesSerializer, responses={200: WholeCollectionSerializer})
    @action(detail=True, methods=["post"])
    def entries(self, request: Request, pk: str) -> Response:
        """Add spectra at the end of one's own; those in it already stay where they are."""
        row, entries = self._own(), self._entries(request)
        known = {one for one, _ in lists.entries_of(row)}
        new = [one for one in entries if one[0] not in known]
        return self._store(row, [*lists.entries_of(row), *new])

    @extend_schema(request=EntriesSerializer, responses={200: WholeCollectionSerializer})
    @entries.mapping.put
    def replace_entries(self, request: Request, pk: str) -> Response:
        """Replace the whole list of one's own: what is in it, in which order, with which notes."""
        return self._store(self._own(), self._entries(request))

    def _own(self) -> Collection:
        row: Collection = self.get_object()
        if not lists.may_change(self.request.user, row):
            self.permission_denied(self.request)
        return row

    def _entries(self, request: Request) -> list[lists.Entry]:
        given = EntriesSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return [(one["spectrum"], one["note"]) for one in given.validated_data["entries"]]

    def _store(self, row: Collection, entries: list[lists.Entry]) -> Response:
        try:
            lists.set_entries(row, self.request.user, entries)
        except CollectionError as error:
            raise ValidationError({"entries": [str(error)]}) from error
        row.refresh_from_db()
        return Response(self._told(row))

    def _told(self, row: Collection) -> dict[str, Any]:
        return WholeCollectionSerializer(row, context={"request": self.request}).data
