"""The one search language: API query strings, pages' forms and ``--where key=value``."""

from spectradb.filters.fields import SearchError, StrictFilterSet
from spectradb.filters.jobs import (
    CalculationFilterSet,
    PeakFitFilterSet,
    PredictionFilterSet,
    TrainedModelFilterSet,
)
from spectradb.filters.series import SeriesAnalysisFilterSet, SeriesFilterSet
from spectradb.filters.spectra import SpectrumFilterSet
from spectradb.filters.structures import SiteFilterSet, StructureFilterSet
from spectradb.filters.text import SearchText, parse_text
from spectradb.filters.where import EVERYTHING, FILTERSETS, apply_where, filterset

__all__ = [
    "EVERYTHING",
    "FILTERSETS",
    "CalculationFilterSet",
    "PeakFitFilterSet",
    "PredictionFilterSet",
    "SearchError",
    "SearchText",
    "SeriesAnalysisFilterSet",
    "SeriesFilterSet",
    "SiteFilterSet",
    "SpectrumFilterSet",
    "StrictFilterSet",
    "StructureFilterSet",
    "TrainedModelFilterSet",
    "apply_where",
    "filterset",
    "parse_text",
]
