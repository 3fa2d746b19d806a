"""Normalisation on demand: raw arrays in, new arrays and the parameters used out."""

from __future__ import annotations

from compute.normalise.e0 import find_e0
from compute.normalise.whiteline import WhiteLine, WhiteLineParameters, normalise_white_line
from compute.normalise.xas import XasNormalised, XasParameters, normalise_xas

__all__ = [
    "WhiteLine",
    "WhiteLineParameters",
    "XasNormalised",
    "XasParameters",
    "find_e0",
    "normalise_white_line",
    "normalise_xas",
]
