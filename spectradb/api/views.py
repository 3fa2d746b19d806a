"""The rows of the library over HTTP; reading is open, each person sees what they may."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import NotAuthenticated, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from compute.errors import InputError, ReadError, SkipFile
from spectradb.api.base import FIELDS, Conflict, ReadViewSet, in_turn, refuse_larger
from spectradb.api.decisions import Curated
from spectradb.api.serializers import (
    CalculationSerializer,
    NormalisedSerializer,
    PeakFitSerializer,
    PredictionSerializer,
    ReviseSerializer,
    SiteSerializer,
    SpectrumSerializer,
    StatedSerializer,
    StructureSerializer,
    TrainedModelSerializer,
)
from spectradb.filters import (
    CalculationFilterSet,
    PeakFitFilterSet,
    PredictionFilterSet,
    SiteFilterSet,
    SpectrumFilterSet,
    StructureFilterSet,
    TrainedModelFilterSet,
)
from spectradb.models import (
    Calculation,
    JobStatus,
    Kind,
    PeakFit,
    Prediction,
    Site,
    Spectrum,
    Structure,
    TrainedModel,
)
from spectradb.services.accounts.roles import may_curate
from spectradb.services.calculations import records
from spectradb.services.curation import workflow as curation
from spectradb.services.curation.revise import revise_from_file
from spectradb.services.queue import jobs
from spectradb.services.queue.summary import summarise
from spectradb.services.search.columns import is_large
from spectradb.services.search.facets import count, search
from spectradb.services.spectra import normalise

_described = extend_schema_view(
    list=extend_schema(parameters=[FIELDS]), retrieve=extend_schema(parameters=[FIELDS])
)


@_described
class StructureViewSet(ReadViewSet[Structure]):
    """Crystal structures. ``data`` is the pymatgen structure."""

    serializer_class = StructureSerializer
    filterset_class = StructureFilterSet
    permission_classes = (AllowAny,)
    list_fields = tuple(n for n in StructureSerializer.names() if n not in {"sites", "data"})

    def get_queryset(self) -> QuerySet[Structure]:
        chosen = self.chosen_fields()
        rows = Structure.objects.all()
        if "data" not in chosen:
            rows = rows.defer("data")
        return rows.prefetch_related("sites") if "sites" in chosen else rows


@_described
class SiteViewSet(ReadViewSet[Site]):
    """Symmetry-distinct sites."""

    serializer_class = SiteSerializer
    filterset_class = SiteFilterSet
    permission_classes = (AllowAny,)
    queryset = Site.objects.order_by("pk")


_COUNTS = {
    "type": "object",
    "required": ["spectra", "structures", "facets"],
    "properties": {
        "spectra": {"type": "integer"},
        "structures": {"type": "integer"},
        "facets": {"type": "object", "additionalProperties": {"type": "array", "items": {}}},
    },
}


@_described
class SpectrumViewSet(ReadViewSet[Spectrum], Curated):
    """Spectra. A list leaves out what is long; ``fields=`` brings any of it, arrays too."""

    serializer_class = SpectrumSerializer
    filterset_class = SpectrumFilterSet
    permission_classes = (AllowAny,)
    list_fields = tuple(
        name
        for name in SpectrumSerializer.names()
        if name not in {
            "energy", "intensity", "measurement", "normalisation", "checks", "status_note",
            "citation", "sparkline",
        }
    )  # fmt: skip

    def get_queryset(self) -> QuerySet[Spectrum]:
        rows = Spectrum.objects.visible_to(self.request.user)
        chosen = set(
            self.chosen_fields()
            if self.action in {"list", "retrieve"}
            else SpectrumSerializer.names()
        )
        for name in ("structure", "site"):
            if name in chosen:
                rows = rows.select_related(name)
        if "structure" in chosen:
            rows = rows.defer("structure__data")
        if "measurement" in chosen:
            rows = rows.select_related("measurement__file").defer("measurement__file__data")
        return rows.defer(*({"energy", "intensity", "sparkline", "checks"} - chosen))

    def count_rows(self, queryset: QuerySet[Spectrum]) -> int:
        """Of a large library from the columns in memory: a database reads each row it counts."""
        if not is_large():
            return queryset.count()
        asked = self.request.query_params.lists()
        query = {key: values for key, values in asked if key not in self.query_keys}
        return count(query, self.request.user)

    @extend_schema(responses={200: _COUNTS})
    @action(detail=False, pagination_class=None)
    def counts(self, request: Request) -> Response:
        """How many spectra and structures a search finds, and how many by each facet."""
        found = search(dict(request.query_params.lists()), request.user)
        facets = {
            name: [{"value": one.value, "count": one.count} for one in choices]
            for name, choices in found.facets.items()
        }
        return Response(
            {"spectra": found.n_spectra, "structures": found.n_structures, "facets": facets}
        )

    @extend_schema(request=ReviseSerializer, responses={201: SpectrumSerializer})
    @action(
        detail=True,
        methods=["post"],
        permission_classes=[IsAuthenticated],
        parser_classes=[MultiPartParser],
    )
    @in_turn
    def revise(self, request: Request, pk: str) -> Response:
        """A new version of a measured spectrum from a file, as a draft (its author, curators)."""
        row = self.get_object()
        if not (may_curate(request.user) or row.contributor_id == request.user.pk):
            self.permission_denied(request)
        given = ReviseSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        file, reason = given.validated_data["file"], given.validated_data["reason"]
        refuse_larger(file, settings.SPECTRUM_MAX_MB)
        try:
            new = revise_from_file(row, file.name, file.read(), user=request.user, reason=reason)
        except (ReadError, SkipFile, InputError) as error:
            raise ValidationError({"file": [str(error)]}) from error
        return Response(SpectrumSerializer(new).data, status=201)

    @extend_schema(responses={200: NormalisedSerializer})
    @action(detail=True, pagination_class=None)
    def normalised(self, request: Request, pk: str) -> Response:
        """The normalised curve of a measured spectrum, and what it was made with."""
        row = self._measured()
        try:
            return _normalised_answer(normalise.normalise(row))
        except InputError as error:
            raise Conflict(str(error)) from error

    @extend_schema(request=StatedSerializer, responses={200: NormalisedSerializer})
    @normalised.mapping.put
    def state_normalisation(self, request: Request, pk: str) -> Response:
        """State E0 and ranges in place of derived ones (its author, curators); {} to derive all."""
        row = self._measured()
        if not request.user.is_authenticated:
            raise NotAuthenticated
        if not normalise.may_state(request.user, row):
            self.permission_denied(request)
        given = StatedSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if unknown := sorted(set(request.data) - set(given.fields)):
            raise ValidationError({name: ["There is no such parameter."] for name in unknown})
        try:
            result = normalise.state(row, given.validated_data, user=request.user)
        except InputError as error:
            raise ValidationError({error.field: [error.reason]}) from error
        return _normalised_answer(result)

    def _measured(self) -> Spectrum:
        row = self.get_object()
        if row.kind != Kind.EXPERIMENT:
            raise Conflict(f"spectrum {row.pk} is computed: only measured ones are normalised")
        return row

    @extend_schema(
        responses={
            200: {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["when", "who", "reason", "changes"],
                    "properties": {
                        "when": {"type": "string", "format": "date-time"},
                        "who": {"type": "string", "nullable": True},
                        "reason": {"type": "string"},
                        "changes": {"type": "array", "items": {"type": "object"}},
                    },
                },
            }
        }
    )
    @action(detail=True, permission_classes=[IsAuthenticated])
    def history(self, request: Request, pk: str) -> Response:
        """Every change, newest first (author and curators)."""
        row = self.get_object()
        if not (may_curate(request.user) or row.contributor_id == request.user.pk):
            self.permission_denied(request)
        found = [
            {
                "when": one["when"],
                "who": one["who"].get_username() if one["who"] else None,
                "reason": one["reason"],
                "changes": [
                    {**change, "before": str(change["before"]), "after": str(change["after"])}
                    for change in one["changes"]
                ],
            }
            for one in curation.history_of(row)
        ]
        return Response(found)


def _normalised_answer(result: normalise.Normalised) -> Response:
    return Response(NormalisedSerializer(result).data)


@_described
class PeakFitViewSet(ReadViewSet[PeakFit]):
    """Peak fits with their peaks."""

    serializer_class = PeakFitSerializer
    filterset_class = PeakFitFilterSet
    permission_classes = (AllowAny,)
    list_fields = tuple(n for n in PeakFitSerializer.names() if n not in {"residual"})

    def get_queryset(self) -> QuerySet[PeakFit]:
        rows = PeakFit.objects.visible_to(self.request.user).order_by("pk")
        chosen = self.chosen_fields()
        if "peaks" in chosen:
            rows = rows.prefetch_related("peaks")
        return rows if "residual" in chosen else rows.defer("residual")


_SUMMARY = {
    "type": "object",
    "required": ["counts", "per_minute", "seconds_left", "failures"],
    "properties": {
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "per_minute": {"type": "number", "nullable": True},
        "seconds_left": {"type": "number", "nullable": True},
        "failures": {"type": "array", "items": {"type": "object"}},
    },
}
_CHANGED = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}


@_described
class CalculationViewSet(ReadViewSet[Calculation]):
    """Calculations, which are the jobs of the queue."""

    serializer_class = CalculationSerializer
    filterset_class = CalculationFilterSet
    permission_classes = (AllowAny,)
    list_fields = tuple(
        n for n in CalculationSerializer.names() if n not in {"parameters", "results", "sticks"}
    )

    def get_queryset(self) -> QuerySet[Calculation]:
        rows = Calculation.objects.visible_to(self.request.user).order_by("pk")
        chosen = self.chosen_fields() if self.action in {"list", "retrieve"} else []
        if "spectrum" in chosen:
            rows = rows.with_record(self.request.user)
        return rows.defer(*({"parameters", "results", "sticks", "trace"} - set(chosen)))

    @extend_schema(responses={200: _SUMMARY}, filters=False)
    @action(detail=False, pagination_class=None)
    def summary(self, request: Request) -> Response:
        """Counts by status, rate, time left, and failures grouped by cause."""
        found = summarise(Calculation.objects.visible_to(request.user))
        failures = [
            {"cause": one.cause, "count": one.count, "example_id": one.example_id}
            for one in found.failures
        ]
        return Response(
            {
                "counts": found.counts,
                "per_minute": found.per_minute,
                "seconds_left": found.seconds_left,
                "failures": failures,
            }
        )

    @extend_schema(request=None, responses={200: _CHANGED})
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def cancel(self, request: Request, pk: str) -> Response:
        """Cancel a queued or running calculation (who asked for it, and curators)."""
        row = self._asked_for(request)
        if not records.cancel(row, request.user):  # type: ignore[arg-type]  # signed in
            raise Conflict(f"calculation {row.pk} is {row.job_status}")
        return Response({"status": JobStatus.CANCELLED})

    @extend_schema(request=None, responses={200: _CHANGED})
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def retry(self, request: Request, pk: str) -> Response:
        """Queue a failed or cancelled calculation again (who asked for it, and curators)."""
        row = self._asked_for(request)
        if not jobs.retry(Calculation.objects.filter(pk=row.pk)):
            raise Conflict(f"calculation {row.pk} is {row.job_status}")
        return Response({"status": JobStatus.QUEUED})

    def _asked_for(self, request: Request) -> Calculation:
        row = self.get_object()
        if not records.may_change(row, request.user):  # type: ignore[arg-type]  # signed in
            self.permission_denied(request)
        return row


@_described
class TrainedModelViewSet(ReadViewSet[TrainedModel]):
    """Trained models with their metrics."""

    serializer_class = TrainedModelSerializer
    filterset_class = TrainedModelFilterSet
    permission_classes = (AllowAny,)
    queryset = TrainedModel.objects.order_by("pk")
    list_fields = tuple(n for n in TrainedModelSerializer.names() if n not in {"curves", "split"})


@_described
class PredictionViewSet(ReadViewSet[Prediction]):
    """Spectra predicted by trained models."""

    serializer_class = PredictionSerializer
    filterset_class = PredictionFilterSet
    permission_classes = (AllowAny,)
    list_fields: ClassVar[tuple[str, ...]] = tuple(
        n for n in PredictionSerializer.names()
        if n not in {"energy", "intensity", "sigma", "neighbours"}
    )  # fmt: skip

    def get_queryset(self) -> QuerySet[Prediction]:
        rows = Prediction.objects.filter(upload=None).select_related("model").order_by("pk")
        return rows.defer(*({"energy", "intensity", "sigma"} - set(self.chosen_fields())))
