"""Matching a spectrum against a library, with calibrated probabilities."""

from compute.matching.library import SpectrumLibrary
from compute.matching.posterior import Reliability, reliability
from compute.matching.results import Component, Match, MatchResult, Mixture, Overlay

__all__ = [
    "Component",
    "Match",
    "MatchResult",
    "Mixture",
    "Overlay",
    "Reliability",
    "SpectrumLibrary",
    "reliability",
]
