"""Readers of experimental files: ``read(path) -> list[RawSpectrum]``, one module per format."""

from __future__ import annotations

from compute.io.choice import ColumnChoice
from compute.io.dispatch import read, read_bytes
from compute.io.question import Choice, Question, QuestionError
from compute.io.raw import LIMITS, Limits, Measurement, RawSpectrum
from compute.io.xdi_write import write_xdi

__all__ = [
    "LIMITS",
    "Choice",
    "ColumnChoice",
    "Limits",
    "Measurement",
    "Question",
    "QuestionError",
    "RawSpectrum",
    "read",
    "read_bytes",
    "write_xdi",
]
