"""Addresses of the API, version 1."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import DefaultRouter

from spectradb.api.account import ApiKeyViewSet
from spectradb.api.ask import MatchRunView, MatchView, PredictView
from spectradb.api.collections import CollectionViewSet
from spectradb.api.series import SeriesAnalysisViewSet, SeriesViewSet
from spectradb.api.transfer import ExportViewSet, UploadView
from spectradb.api.views import (
    CalculationViewSet,
    PeakFitViewSet,
    PredictionViewSet,
    SiteViewSet,
    SpectrumViewSet,
    StructureViewSet,
    TrainedModelViewSet,
)


class Router(DefaultRouter):
    include_format_suffixes = False


router = Router()
router.register("structures", StructureViewSet, "structure")
router.register("sites", SiteViewSet, "site")
router.register("spectra", SpectrumViewSet, "spectrum")
router.register("fits", PeakFitViewSet, "fit")
router.register("calculations", CalculationViewSet, "calculation")
router.register("models", TrainedModelViewSet, "model")
router.register("predictions", PredictionViewSet, "prediction")
router.register("series", SeriesViewSet, "series")
router.register("series-analyses", SeriesAnalysisViewSet, "series-analysis")
router.register("exports", ExportViewSet, "export")
router.register("collections", CollectionViewSet, "collection")
router.register("keys", ApiKeyViewSet, "key")

app_name = "api"
urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("spectra/upload/", UploadView.as_view(), name="upload"),
    path("match/", MatchView.as_view(), name="match"),
    path("match/<str:token>/", MatchRunView.as_view(), name="match-run"),
    path("predict/", PredictView.as_view(), name="predict"),
    path("", include(router.urls)),
]
