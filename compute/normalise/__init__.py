"""Normalisation on demand: raw arrays in, new arrays and the parameters used out."""

from __future__ import annotations

from compute.normalise.curve import noise_sigma
from compute.normalise.e0 import EdgePosition, find_e0, locate_edge
from compute.normalise.whiteline import WhiteLine, WhiteLineParameters, normalise_white_line
from compute.normalise.xas import XasNormalised, XasParameters, normalise_xas

__all__ = [
    "EdgePosition",
    "WhiteLine",
    "WhiteLineParameters",
    "XasNormalised",
    "XasParameters",
    "find_e0",
    "locate_edge",
    "noise_sigma",
    "normalise_white_line",
    "normalise_xas",
]
