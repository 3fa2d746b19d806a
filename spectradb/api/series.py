"""Series and maps over HTTP: what is stored, single spectra of it, analyses and their maps."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, TypeVar, cast

import numpy as np
from django.db.models import Model, QuerySet
from django.http import FileResponse, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from compute.errors import InputError, ReadError
from spectradb.api.base import FIELDS, Conflict, FieldsSerializer, ReadViewSet
from spectradb.api.decisions import Curated
from spectradb.api.serializers import (
    ItemsField,
    NumbersField,
    ObjectField,
    PairField,
    SpectrumSerializer,
)
from spectradb.filters import SeriesAnalysisFilterSet, SeriesFilterSet
from spectradb.models import JobStatus, Series, SeriesAnalysis
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.queue import jobs
from spectradb.services.series import analyses as service
from spectradb.services.series.analyse import METHODS
from spectradb.services.series.local import local_file
from spectradb.services.series.maps import maps_file, opened_maps
from spectradb.services.series.spectrum import spectrum_of
from spectradb.services.series.values import LARGE, Region, summed
from spectradb.services.series.writing import Asked
from spectradb.turns import turn

M = TypeVar("M", bound=Model)
_REGION = OpenApiParameter(
    "region", str, description="Places on the axes in their order: 3,5-8; * is all of an axis."
)
_ARRAYS = {"energy", "summed", "preview"}


class SeriesSerializer(FieldsSerializer[Series]):
    axes = ItemsField(read_only=True)
    warnings = ItemsField(read_only=True)
    source_names = ItemsField(read_only=True)
    energy = NumbersField()
    summed = NumbersField()

    class Meta:
        model = Series
        fields = (
            "id", "title", "technique", "absorber", "edge", "formula", "quantity", "axes",
            "n_spectra", "n_channels", "energy_min", "energy_max", "n_bytes", "sha256",
            "source_names", "warnings", "status", "status_note", "licence", "citation", "doi",
            "published_at", "created", "updated", "energy", "summed",
        )  # fmt: skip
        read_only_fields = fields


class SeriesAnalysisSerializer(FieldsSerializer[SeriesAnalysis]):
    status = serializers.CharField(source="job_status", read_only=True)
    options = ObjectField(read_only=True)
    told = ObjectField(read_only=True, help_text="Names, noise, version, keys of the maps.")
    warnings = ItemsField(read_only=True)
    total = serializers.IntegerField(
        source="series.n_spectra", read_only=True, help_text="Spectra to do."
    )
    seconds_left = serializers.FloatField(read_only=True, allow_null=True)

    class Meta:
        model = SeriesAnalysis
        fields = (
            "id", "series", "method", "options", "status", "done", "total", "rate",
            "seconds_left", "error", "error_cause", "told", "warnings", "n_bytes", "sha256",
            "created", "seconds",
        )  # fmt: skip
        read_only_fields = fields


class _Named(serializers.Serializer[Any]):
    """What it has no field for is refused: a correction spelt otherwise would be left undone."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := sorted(set(data) - set(self.fields))):
            raise ValidationError({str(key): ["unknown field"] for key in unknown})
        return super().to_internal_value(data)


class OverAbsorptionSerializer(_Named):
    """Of the fluorescence of a thick sample, of normalised spectra."""

    formula = serializers.CharField(max_length=200)
    angle_in = serializers.FloatField(default=45.0, help_text="Of the beam, ° from the surface.")
    angle_out = serializers.FloatField(default=45.0, help_text="Of the detector.")


class CorrectionsSerializer(_Named):
    """Done before, in this order, those that are named."""

    dead_time = PairField(required=False, help_text="s after an event, s of each channel.")
    spikes = serializers.FloatField(required=False, min_value=1, help_text="Robust deviations.")
    dead = serializers.BooleanField(required=False, help_text="Dead spectra and channels.")
    i0 = serializers.IntegerField(required=False, min_value=1, help_text="Series of the monitor.")
    drift = serializers.RegexField(
        r"^(self|[1-9][0-9]{0,8})$", required=False, help_text="self, or a series."
    )
    calibrate = serializers.FloatField(required=False, help_text="Of the steepest rise, eV.")
    power_law = PairField(required=False, help_text="Window before the edge, eV.")
    low_loss = serializers.IntegerField(required=False, min_value=1, help_text="Spectrum.")
    over_absorption = OverAbsorptionSerializer(required=False)
    bin = serializers.IntegerField(required=False, min_value=1, help_text="Channels.")


class AskSerializer(_Named):
    """What an analysis takes; what the method does not use is left out."""

    method = serializers.ChoiceField(METHODS)
    references = serializers.ListField(
        child=serializers.IntegerField(min_value=1), required=False, help_text="Spectra by number."
    )
    components = serializers.IntegerField(required=False, min_value=1, max_value=20)
    free = serializers.ListField(child=serializers.ChoiceField(["shift", "width"]), required=False)
    noise = serializers.ChoiceField(["poisson", "gaussian"], required=False)
    quantities = serializers.ListField(child=serializers.CharField(max_length=40), required=False)
    windows = serializers.ListField(
        child=PairField(), required=False, help_text="eV, as many as the quantity takes."
    )
    select = serializers.BooleanField(
        required=False, help_text="Drop references that the spectra do not ask for."
    )
    smooth = serializers.ChoiceField(["alike", "none"], required=False, help_text="Of library.")
    corrections = CorrectionsSerializer(required=False)


def _correction(value: Any) -> Any:
    """As an analysis takes it: several values of one correction are a tuple, in their order."""
    if isinstance(value, Mapping):
        return tuple(value[name] for name in OverAbsorptionSerializer().fields)
    return tuple(value) if isinstance(value, list) else value


class ValuesSerializer(serializers.Serializer[Any]):
    """The mean spectrum of a region."""

    region = serializers.CharField()
    spectra = serializers.IntegerField(help_text="How many it is the mean of.")
    energy_ev = serializers.ListField(child=serializers.FloatField())
    mean = serializers.ListField(child=serializers.FloatField(allow_null=True))


class MapSerializer(serializers.Serializer[Any]):
    """One map in the order of the axes, the last one running fastest."""

    key = serializers.CharField()
    shape = serializers.ListField(child=serializers.IntegerField())
    values = serializers.ListField(child=serializers.FloatField(allow_null=True))


class RegionSerializer(serializers.Serializer[Any]):
    region = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)


_described = extend_schema_view(
    list=extend_schema(parameters=[FIELDS]), retrieve=extend_schema(parameters=[FIELDS])
)


class _Strict(ReadViewSet[M]):
    """Parameters of an action on one row are its own, not those of the search."""

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.detail else super().filter_queryset(queryset)


@_described
class SeriesViewSet(_Strict[Series], Curated):
    """Series and maps. Lists leave the arrays out; ``fields=`` brings them."""

    serializer_class = SeriesSerializer
    filterset_class = SeriesFilterSet
    permission_classes = (AllowAny,)
    list_fields = tuple(n for n in SeriesSerializer.names() if n not in _ARRAYS | {"status_note"})
    action_keys = {"values": ("region",)}

    def get_queryset(self) -> QuerySet[Series]:
        rows = Series.objects.visible_to(self.request.user).order_by("pk")
        chosen = self.chosen_fields() if self.action in {"list", "retrieve"} else list(_ARRAYS)
        return rows.defer("counted", *(_ARRAYS - set(chosen)))

    @extend_schema(parameters=[_REGION], responses={200: ValuesSerializer}, filters=False)
    @action(detail=True, pagination_class=None)
    def values(self, request: Request, pk: str) -> Response:
        """The mean spectrum of a pixel, a line or a region; of all without one."""
        row = self.get_object()
        region = _region(request.query_params.get("region", ""), row)
        try:
            with turn(request) if region.n > LARGE else nullcontext():
                found = summed(row, region)
        except ReadError as error:
            raise Conflict(str(error)) from error
        told = {
            "region": region.text(),
            "spectra": region.n,
            "energy_ev": found.energy_ev,
            "mean": _plain(found.mean),
        }
        return Response(ValuesSerializer(told).data)

    @extend_schema(request=RegionSerializer, responses={201: SpectrumSerializer})
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def spectrum(self, request: Request, pk: str) -> Response:
        """Keep a region's sum as a spectrum, a draft of yours (contributors)."""
        row = self.get_object()
        if not may_contribute(request.user):
            self.permission_denied(request)
        given = RegionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        region = _region(given.validated_data["region"], row)
        try:
            made = spectrum_of(row, region.cut, contributor=cast(Any, request.user))
        except (InputError, ReadError) as error:
            raise Conflict(str(error)) from error
        return Response(SpectrumSerializer(made).data, status=201)

    @extend_schema(responses={(200, "application/x-hdf5"): OpenApiTypes.BINARY})
    @action(detail=True)
    def file(self, request: Request, pk: str) -> FileResponse:
        """The stored series: HDF5 with NXdata."""
        row = self.get_object()
        try:
            path = local_file(row.file_name, row.n_bytes, row.sha256)
        except ReadError as error:
            raise Conflict(str(error)) from error
        return FileResponse(path.open("rb"), as_attachment=True, filename=f"SDB-M{row.pk}.h5")

    @extend_schema(request=AskSerializer, responses={202: SeriesAnalysisSerializer})
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def analyses(self, request: Request, pk: str) -> Response:
        """Ask for an analysis (contributors); asked for again, it is the same."""
        row = self.get_object()
        if not may_contribute(request.user):
            self.permission_denied(request)
        given = AskSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        try:
            made = service.request_analysis(
                row,
                Asked(
                    asked["method"],
                    references=tuple(map(str, asked.get("references", []))),
                    components=asked.get("components"),
                    free=tuple(asked.get("free", [])),
                    noise=asked.get("noise"),
                    quantities=tuple(asked.get("quantities", [])),
                    windows=tuple((low, high) for low, high in asked.get("windows", [])),
                    corrections=tuple(
                        (name, _correction(value))
                        for name, value in asked.get("corrections", {}).items()
                        if value is not False
                    ),
                    select=asked.get("select", False),
                    smooth=asked.get("smooth", "alike"),
                ),
                cast(Any, request.user),
            )
        except InputError as error:
            raise ValidationError({error.field: [error.reason]}) from error
        return Response(SeriesAnalysisSerializer(made).data, status=202)


@_described
class SeriesAnalysisViewSet(_Strict[SeriesAnalysis]):
    """Analyses of series, which are jobs of the queue; ``told.keys`` names the maps."""

    serializer_class = SeriesAnalysisSerializer
    filterset_class = SeriesAnalysisFilterSet
    permission_classes = (AllowAny,)
    list_fields = tuple(n for n in SeriesAnalysisSerializer.names() if n not in {"told"})
    action_keys = {"map": ("key",)}

    def get_queryset(self) -> QuerySet[SeriesAnalysis]:
        rows = SeriesAnalysis.objects.visible_to(self.request.user).order_by("pk")
        return rows.select_related("series").defer(
            "series__energy", "series__summed", "series__counted", "series__preview"
        )

    @extend_schema(
        parameters=[OpenApiParameter("key", str, description="Of told.keys; the first.")],
        responses={200: MapSerializer}, filters=False,
    )  # fmt: skip
    @action(detail=True, pagination_class=None)
    def map(self, request: Request, pk: str) -> Response:
        """One map."""
        row = self._finished()
        try:
            with opened_maps(row) as maps:
                key = request.query_params.get("key") or maps.keys[0]
                values = maps.get(key)
        except InputError as error:
            raise ValidationError({"key": [error.reason]}) from error
        except ReadError as error:
            raise Conflict(str(error)) from error
        told = {
            "key": key,
            "shape": values.shape,
            "values": _plain(values.ravel()),
        }
        return Response(MapSerializer(told).data)

    @extend_schema(responses={(200, "application/x-hdf5"): OpenApiTypes.BINARY})
    @action(detail=True)
    def file(self, request: Request, pk: str) -> HttpResponse | FileResponse:
        """All maps: HDF5."""
        row = self._finished()
        try:
            path = maps_file(row)
        except ReadError as error:
            raise Conflict(str(error)) from error
        name = f"SDB-M{row.series_id}-analysis-{row.pk}.h5"
        return FileResponse(path.open("rb"), as_attachment=True, filename=name)

    @extend_schema(request=None, responses={200: SeriesAnalysisSerializer})
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop one that waits or runs (who asked for it, and curators)."""
        row = self._own(request)
        if not service.cancel(row):
            raise Conflict(f"analysis {row.pk} is {row.job_status}")
        row.refresh_from_db()
        return Response(SeriesAnalysisSerializer(row).data)

    @extend_schema(request=None, responses={200: SeriesAnalysisSerializer})
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def retry(self, request: Request, pk: str) -> Response:
        """Queue a failed or cancelled one again (who asked for it, and curators)."""
        row = self._own(request)
        if not jobs.retry(SeriesAnalysis.objects.filter(pk=row.pk)):
            raise Conflict(f"analysis {row.pk} is {row.job_status}")
        row.refresh_from_db()
        return Response(SeriesAnalysisSerializer(row).data)

    def _finished(self) -> SeriesAnalysis:
        row = self.get_object()
        if row.job_status != JobStatus.DONE:
            raise Conflict(f"analysis {row.pk} is {row.job_status}")
        return row

    def _own(self, request: Request) -> SeriesAnalysis:
        row = self.get_object()
        if not service.may_change(row, request.user):
            self.permission_denied(request)
        return row


def _region(text: str, row: Series) -> Region:
    try:
        return Region.parse(text, row)
    except InputError as error:
        raise ValidationError({"region": [error.reason]}) from error


def _plain(values: np.ndarray) -> list[float | None]:
    """NaN has no place in JSON."""
    return [None if np.isnan(one) else float(one) for one in values]
