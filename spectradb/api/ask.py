"""Questions over the API: which substance is this, and what would that structure's spectrum be."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.conf import settings
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request as ApiRequest
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from compute.errors import InputError, ReadError, SkipFile
from spectradb.api.base import StrictMixin, in_turn, refuse_larger
from spectradb.filters import SearchError, filterset
from spectradb.models import MatchRun, Prediction, Spectrum, Structure, Upload
from spectradb.services.imports.uploads import keep_spectrum_file
from spectradb.services.matching.as_values import report_of
from spectradb.services.matching.options import MAX_SHIFT_EV, MatchOptions
from spectradb.services.matching.runs import FILTERS, Request, default_request, match_now


class MatchRequestSerializer(serializers.Serializer[Any]):
    """A file, or the number of a stored spectrum; the rest narrows the search."""

    file = serializers.FileField(required=False, help_text="XDI, EMSA, columns …")
    spectrum = serializers.IntegerField(required=False, min_value=1, max_value=2**62)
    absorber = serializers.CharField(required=False, max_length=2)
    edge = serializers.CharField(required=False, max_length=4)
    kind = serializers.ChoiceField(["theory", "experiment"], required=False)
    range_low = serializers.FloatField(required=False, help_text="eV")
    range_high = serializers.FloatField(required=False, help_text="eV")
    max_shift = serializers.FloatField(required=False, min_value=0, max_value=20, help_text="eV")
    oxidation_state = serializers.FloatField(required=False)
    coordination_number = serializers.IntegerField(required=False, min_value=0, max_value=24)
    only_elements = serializers.CharField(
        required=False, max_length=200, help_text="All that the sample may hold: La,Mn,O"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("file" in attrs) == ("spectrum" in attrs):
            raise ValidationError({"file": ["give a file or the number of a spectrum, not both"]})
        return attrs


class MatchedSerializer(serializers.Serializer[Any]):
    """Candidates, best first; probabilities are null where too few known pairs stand behind."""

    token = serializers.CharField()
    status = serializers.CharField()
    error = serializers.CharField(allow_blank=True)
    none_of_these = serializers.FloatField(allow_null=True)
    n_library = serializers.IntegerField()
    n_calibration_pairs = serializers.IntegerField()
    calibrated = serializers.BooleanField(allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField(), allow_null=True)
    matches = serializers.ListField(child=serializers.DictField())


class MatchView(StrictMixin, APIView):
    """Match a measured spectrum against the library."""

    permission_classes = (AllowAny,)
    parser_classes = (MultiPartParser, JSONParser)
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "ask"

    @extend_schema(
        request=MatchRequestSerializer, responses={200: MatchedSerializer, 422: MatchedSerializer}
    )
    @in_turn
    def post(self, request: ApiRequest) -> Response:
        """Match at once. 422: it could not be matched, and ``error`` says why."""
        given = MatchRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        query = self._query(request, asked)
        person = request.user if request.user.is_authenticated else None
        run = match_now(query, _request(asked, query), requested_by=person)  # type: ignore[arg-type]
        return Response(report_of(run), status=422 if run.job_status == "failed" else 200)

    def _query(self, request: ApiRequest, asked: dict[str, Any]) -> Spectrum | Upload:
        if "spectrum" in asked:
            rows = Spectrum.objects.visible_to(request.user)
            return get_object_or_404(rows, pk=asked["spectrum"])
        file = asked["file"]
        refuse_larger(file, settings.SPECTRUM_MAX_MB)
        try:
            return keep_spectrum_file(file.name, file.read(), request.user)
        except (ReadError, SkipFile, InputError) as error:
            raise ValidationError({"file": [str(error)]}) from error


class MatchRunView(StrictMixin, APIView):
    """One match, for a day if it is of a file."""

    permission_classes = (AllowAny,)

    @extend_schema(responses={200: MatchedSerializer})
    def get(self, request: ApiRequest, token: str) -> Response:
        """The answer, or how far it is."""
        run = get_object_or_404(MatchRun.objects.defer("curve"), token=token)
        if run.query_id and not Spectrum.objects.visible_to(request.user).filter(pk=run.query_id):
            raise Http404
        return Response(report_of(run))


class PredictRequestSerializer(serializers.Serializer[Any]):
    """A structure file, or the number of a stored structure; the model, or the leading ones."""

    file = serializers.FileField(required=False, help_text="CIF, POSCAR (.vasp), pymatgen JSON")
    structure = serializers.IntegerField(required=False, min_value=1, max_value=2**62)
    model = serializers.CharField(required=False, max_length=80)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("file" in attrs) == ("structure" in attrs):
            raise ValidationError({"file": ["give a file or the number of a structure, not both"]})
        return attrs


class PredictedSerializer(serializers.Serializer[Any]):
    """Predictions of each absorbing site; ``token`` is the address of an uploaded file's."""

    token = serializers.CharField(allow_null=True)
    structure = serializers.IntegerField(allow_null=True)
    formula = serializers.CharField()
    errors = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]
    predictions = serializers.ListField(child=serializers.DictField())


class PredictView(StrictMixin, APIView):
    """Predict the spectra of a structure's absorbing sites."""

    permission_classes = (AllowAny,)
    parser_classes = (MultiPartParser, JSONParser)
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "ask"

    @extend_schema(
        request=PredictRequestSerializer,
        responses={200: PredictedSerializer, 422: PredictedSerializer},
    )
    @in_turn
    def post(self, request: ApiRequest) -> Response:
        """Predict at once. 422: nothing could be predicted, and ``errors`` say why."""
        # Torch comes with it, which no other route needs.
        from spectradb.services.learning import predictions as service

        given = PredictRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        subject: Structure | Upload
        if "structure" in asked:
            subject = get_object_or_404(Structure, pk=asked["structure"])
        else:
            file = asked["file"]
            refuse_larger(file, settings.STRUCTURE_MAX_MB)
            try:
                subject = service.keep_structure_file(file.name, file.read(), request.user)
            except (ReadError, InputError) as error:
                raise ValidationError({"file": [str(error)]}) from error
        rows, errors = service.predict_with(subject, asked.get("model"))
        upload = isinstance(subject, Upload)
        answer = {
            "token": subject.token if isinstance(subject, Upload) else None,
            "structure": None if upload else subject.pk,
            "formula": subject.told["formula"] if isinstance(subject, Upload) else subject.formula,
            "errors": errors,
            "predictions": [_prediction(row) for row in rows],
        }
        return Response(answer, status=200 if rows else 422)


def _prediction(row: Prediction) -> dict[str, Any]:
    return {
        "model": row.model.name,
        "absorber": row.absorber,
        "edge": row.edge,
        "site_index": row.site_index,
        "trust": row.trust,
        "trust_reason": row.trust_reason,
        "neighbours": row.neighbours,
        "energy": np.asarray(row.energy).tolist(),
        "intensity": np.asarray(row.intensity).tolist(),
        "sigma": np.asarray(row.sigma).tolist(),
    }


def _request(asked: dict[str, Any], query: Spectrum | Upload) -> Request:
    """The search that the fields mean; element and edge come from the query unless given."""
    if isinstance(query, Spectrum):
        known = query.absorber, query.edge
    else:
        part = query.told["parts"][0]
        known = part["element"], part["edge"]
    told = default_request(*known).options
    low, high = asked.get("range_low"), asked.get("range_high")
    energy_range = None
    if low is not None or high is not None:
        energy_range = (0.0 if low is None else low, 1e6 if high is None else high)
        if energy_range[0] >= energy_range[1]:
            raise ValidationError({"range_high": ["must be above range_low"]})
    options = MatchOptions(
        absorber=asked.get("absorber") or told.absorber,
        edge=asked.get("edge") or told.edge,
        kind=asked.get("kind"),
        energy_range=energy_range,
        max_shift_ev=asked.get("max_shift", MAX_SHIFT_EV),
    )
    where = {
        name: [value if isinstance(value := asked[name], str) else f"{value:g}"]
        for name in FILTERS
        if name in asked
    }
    try:
        bound = filterset(Spectrum, where)
        wrong = {} if bound.is_valid() else bound.search_errors()
    except SearchError as error:
        raise ValidationError({"only_elements": [str(error)]}) from error
    if wrong:
        raise ValidationError(wrong)
    return Request(options, where)
