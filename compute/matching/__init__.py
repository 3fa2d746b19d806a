"""Matching a spectrum against a library, with calibrated probabilities."""

from compute.matching.align import AlignmentPrior
from compute.matching.calibration import Calibration, Expected, KnownPair
from compute.matching.discrepancy import Discrepancy
from compute.matching.explain import Feature, PeakPair, features, pair_features
from compute.matching.library import SpectrumLibrary, calibrate_together
from compute.matching.reliability import Reliability, reliability
from compute.matching.results import (
    AlternativeShare,
    Claims,
    Component,
    Match,
    MatchResult,
    Mixture,
    Overlay,
)
from compute.matching.version import VERSION

__all__ = [
    "VERSION",
    "AlignmentPrior",
    "AlternativeShare",
    "Calibration",
    "Claims",
    "Component",
    "Discrepancy",
    "Expected",
    "Feature",
    "KnownPair",
    "Match",
    "MatchResult",
    "Mixture",
    "Overlay",
    "PeakPair",
    "Reliability",
    "SpectrumLibrary",
    "calibrate_together",
    "features",
    "pair_features",
    "reliability",
]
