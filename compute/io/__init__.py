"""Readers of experimental files: ``read(path) -> list[RawSpectrum]``, one module per format."""

from __future__ import annotations

from compute.io.dispatch import read, read_bytes
from compute.io.raw import LIMITS, Limits, Measurement, RawSpectrum
from compute.io.xdi_write import write_xdi

__all__ = [
    "LIMITS",
    "Limits",
    "Measurement",
    "RawSpectrum",
    "read",
    "read_bytes",
    "write_xdi",
]
