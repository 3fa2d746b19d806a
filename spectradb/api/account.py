"""Keys of one's own."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import mixins, serializers, viewsets
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from spectradb.api.base import Conflict, StrictMixin
from spectradb.models import ApiKey

MAX_KEYS = 20


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    class Meta:
        model = ApiKey
        fields = ("id", "name", "prefix", "created", "last_used")
        read_only_fields = ("id", "prefix", "created", "last_used")


class ApiKeyViewSet(
    StrictMixin,
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[ApiKey],
):
    """The keys of the person who asks. A key's text is told once, when it is made."""

    serializer_class = ApiKeySerializer
    permission_classes = (IsAuthenticated,)
    filter_backends = ()
    pagination_class = None
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[ApiKey]:
        if not self.request.user.is_authenticated:
            return ApiKey.objects.none()
        return ApiKey.objects.filter(user=self.request.user, revoked=False).order_by("pk")

    @extend_schema(
        responses={
            201: inline_serializer(
                "NewApiKey",
                {
                    "id": serializers.IntegerField(),
                    "name": serializers.CharField(),
                    "key": serializers.CharField(help_text="Told this once; keep it."),
                },
            )
        }
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a key."""
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        if self.get_queryset().count() >= MAX_KEYS:
            raise Conflict(f"{MAX_KEYS} keys are the most; revoke one first")
        assert request.user.is_authenticated
        key, text = ApiKey.issue(request.user, given.validated_data["name"])
        return Response({"id": key.pk, "name": key.name, "key": text}, status=201)

    def perform_destroy(self, instance: ApiKey) -> None:
        """Revoked keys stay on record."""
        instance.revoked = True
        instance.save(update_fields=["revoked"])
