"""Matching a spectrum against a library, with calibrated probabilities."""

from compute.matching.align import AlignmentPrior
from compute.matching.discrepancy import Discrepancy
from compute.matching.explain import Feature, PeakPair, features, pair_features
from compute.matching.library import SpectrumLibrary
from compute.matching.reliability import Reliability, reliability
from compute.matching.results import Claims, Component, Match, MatchResult, Mixture, Overlay
from compute.matching.version import VERSION

__all__ = [
    "VERSION",
    "AlignmentPrior",
    "Claims",
    "Component",
    "Discrepancy",
    "Feature",
    "Match",
    "MatchResult",
    "Mixture",
    "Overlay",
    "PeakPair",
    "Reliability",
    "SpectrumLibrary",
    "features",
    "pair_features",
    "reliability",
]
