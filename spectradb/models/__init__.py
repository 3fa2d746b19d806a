"""The tables."""

from spectradb.models.accounts import ApiKey, Preferences
from spectradb.models.collections import Collection, CollectionEntry
from spectradb.models.fits import Peak, PeakFit
from spectradb.models.hosts import SigningKey
from spectradb.models.jobs import Export, ImportRun, JobStatus
from spectradb.models.matches import Match, MatchRun
from spectradb.models.notices import Comment, Notice
from spectradb.models.predictions import Prediction, TrainedModel
from spectradb.models.provenance import Calculation, Measurement, SourceFile
from spectradb.models.series import Series
from spectradb.models.series_analyses import SeriesAnalysis
from spectradb.models.series_uploads import SeriesFile, SeriesUpload
from spectradb.models.spectra import ImmutableArray, Kind, Quantity, Spectrum, SpectrumEdge, Status
from spectradb.models.structures import Site, Structure, StructureElement
from spectradb.models.uploads import Brought, BroughtSpectrum, Share, Upload

__all__ = [
    "Brought",
    "BroughtSpectrum",
    "Share",
    "ApiKey",
    "Calculation",
    "Collection",
    "CollectionEntry",
    "Comment",
    "Export",
    "ImmutableArray",
    "ImportRun",
    "JobStatus",
    "Kind",
    "Match",
    "MatchRun",
    "Measurement",
    "Notice",
    "Peak",
    "PeakFit",
    "Prediction",
    "Preferences",
    "Quantity",
    "Series",
    "SeriesAnalysis",
    "SeriesFile",
    "SeriesUpload",
    "SigningKey",
    "Site",
    "SourceFile",
    "Spectrum",
    "SpectrumEdge",
    "Status",
    "Structure",
    "StructureElement",
    "TrainedModel",
    "Upload",
]
