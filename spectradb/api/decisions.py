"""Steps of curation, the same for every model that is curated."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from spectradb.api.serializers import NoteSerializer
from spectradb.services.curation import workflow as curation

_STEP = extend_schema(request=NoteSerializer)


class Curated(GenericViewSet):  # type: ignore[type-arg]  # of whichever model it is mixed into
    """What a contributor and a curator do with one row; its answer is the row."""

    @_STEP
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def submit(self, request: Request, pk: str) -> Response:
        """Hand a draft of one's own to the curators."""
        return self._decide("submit", request)

    @_STEP
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def publish(self, request: Request, pk: str) -> Response:
        """Show what was submitted to everyone (curators)."""
        return self._decide("publish", request)

    @_STEP
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def send_back(self, request: Request, pk: str) -> Response:
        """Return what was submitted to its author (curators; a note is needed)."""
        return self._decide("send_back", request)

    @_STEP
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def reject(self, request: Request, pk: str) -> Response:
        """Refuse what was submitted (curators; a note is needed)."""
        return self._decide("reject", request)

    @_STEP
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take out what is published (curators; a note is needed)."""
        return self._decide("withdraw", request)

    def _decide(self, step: str, request: Request) -> Response:
        given = NoteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        row = curation.decide(self.get_object(), step, request.user, given.validated_data["note"])
        assert self.serializer_class is not None
        return Response(self.serializer_class(row).data)
