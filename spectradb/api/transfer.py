"""Files in and out: upload of measured spectra, and bulk downloads."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import FileResponse, HttpResponse, HttpResponseRedirect
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from compute.errors import InputError
from compute.io.choice import ColumnChoice
from spectradb.api.base import Conflict, StrictMixin, in_turn, refuse_larger
from spectradb.models import Export, JobStatus
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.exports import jobs as exports
from spectradb.services.exports.columns import COLUMNS
from spectradb.services.exports.write import FORMATS, ExportError
from spectradb.services.imports.spectra import import_file


class UploadSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(help_text="XDI, 9809, EMSA, Athena, columns, HDF5/NXdata …")
    element = serializers.CharField(
        required=False, max_length=2, help_text="Absorbing element, where the file is silent."
    )
    edge = serializers.CharField(
        required=False, max_length=4, help_text="Edge, where the file is silent."
    )
    energy = serializers.CharField(
        required=False, max_length=80, help_text="Energy column, by name or number."
    )
    signal = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        help_text="Signal columns by name or number, or formulas: ln(I0/It), If/I0.",
    )
    i0 = serializers.CharField(
        required=False, max_length=80, help_text="Column of the incident beam."
    )
    unit = serializers.ChoiceField(
        ["eV", "keV"], required=False, help_text="What the energies are in."
    )


class UploadedSerializer(serializers.Serializer[Any]):
    """What became of an uploaded file, and each spectrum in it."""

    status = serializers.ChoiceField(["imported", "unchanged", "skipped", "failed"])
    format = serializers.CharField(allow_null=True)
    sha256 = serializers.CharField(allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField())
    errors = serializers.ListField(  # type: ignore[assignment]  # of the report, not of this
        child=serializers.CharField()
    )
    spectra = serializers.ListField(child=serializers.DictField())
    question = serializers.DictField(
        allow_null=True,
        help_text="What the file leaves open: what, choices (each with its options). Send the file "
        "again with the options of one.",
    )


class UploadView(StrictMixin, APIView):
    """Upload one file of measured spectra; each becomes a draft of the contributor."""

    permission_classes = (IsAuthenticated,)
    parser_classes = (MultiPartParser,)
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "upload"

    @extend_schema(
        request=UploadSerializer,
        responses={200: UploadedSerializer, 201: UploadedSerializer, 422: UploadedSerializer},
    )
    @in_turn
    def post(self, request: Request) -> Response:
        """Read and store the file. 422: it cannot be read, and ``errors`` says why.

        Where the file leaves open what its columns hold, ``question`` has the choices; nothing is
        stored before one of them is sent with the file.
        """
        user = request.user
        if not user.is_authenticated or not may_contribute(user):
            self.permission_denied(request)
        given = UploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        file = given.validated_data["file"]
        refuse_larger(file, settings.SPECTRUM_MAX_MB)
        try:
            result = import_file(
                file.name,
                file.read(),
                element=given.validated_data.get("element"),
                edge=given.validated_data.get("edge"),
                contributor=user,
                columns=ColumnChoice.checked(
                    energy=given.validated_data.get("energy"),
                    signal=given.validated_data.get("signal", []),
                    i0=given.validated_data.get("i0"),
                    unit=given.validated_data.get("unit"),
                ),
            )
        except InputError as error:
            raise ValidationError({error.field: [str(error)]}) from error
        status = {"imported": 201, "unchanged": 200}.get(result.status, 422)
        return Response(UploadedSerializer(result).data, status=status)


class ExportSerializer(serializers.ModelSerializer[Export]):
    query = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(max_length=500)),
        help_text='The search, e.g. {"absorber": ["Ni"], "edge": ["L23"]}.',
    )
    format = serializers.ChoiceField(FORMATS)
    columns = serializers.ListField(child=serializers.ChoiceField(list(COLUMNS)), required=False)
    status = serializers.CharField(source="job_status", read_only=True)
    download = serializers.SerializerMethodField()

    class Meta:
        model = Export
        fields = (
            "id", "query", "format", "columns", "status", "error", "created", "finished",
            "n_rows", "n_bytes", "download",
        )  # fmt: skip
        read_only_fields = ("id", "error", "created", "finished", "n_rows", "n_bytes")

    @extend_schema(responses=OpenApiTypes.URI)
    def get_download(self, row: Export) -> str | None:
        """Address of the file, once it is written."""
        if row.job_status != JobStatus.DONE:
            return None
        path = f"/api/v1/exports/{row.pk}/file/"
        request = self.context.get("request")
        return request.build_absolute_uri(path) if request is not None else path


class ExportViewSet(
    StrictMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Export],
):
    """Bulk downloads: asked for here, written by a worker, fetched when done, kept a week."""

    serializer_class = ExportSerializer
    permission_classes = (AllowAny,)
    filter_backends = ()
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Export]:
        return Export.objects.visible_to(self.request.user)

    def get_throttles(self) -> list[Any]:
        if self.action == "create":
            self.throttle_scope = "upload"
            return [ScopedRateThrottle()]
        return super().get_throttles()

    @extend_schema(responses={202: ExportSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Ask for a download of all that a search finds."""
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        try:
            row = exports.request_export(
                asked["query"],
                asked["format"],
                columns=asked.get("columns", ()),
                user=request.user,
            )
        except ExportError as error:
            raise ValidationError({"detail": [str(error)]}) from error
        return Response(self.get_serializer(row).data, status=202)

    @extend_schema(
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            302: OpenApiResponse(description="It lies in a bucket, at an address that ends soon."),
        }
    )
    @action(detail=True)
    def file(self, request: Request, pk: str) -> HttpResponse | FileResponse:
        """The file itself, or where it is."""
        row = self.get_object()
        if row.job_status != JobStatus.DONE:
            raise Conflict(f"export {row.pk} is {row.job_status}")
        if request.method == "GET" and (address := exports.signed_address(row)) is not None:
            return HttpResponseRedirect(address, headers={"Cache-Control": "private, no-store"})
        file = exports.opened(row)
        if file is None:
            raise NotFound("the file was cleared away; ask for it again")
        return FileResponse(file, as_attachment=True, filename=exports.download_name(row))
