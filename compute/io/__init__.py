"""Readers of experimental files: ``read(path) -> list[RawSpectrum]``, one module per format."""

from __future__ import annotations

from compute.io.choice import COLUMNS_HEADER, ColumnChoice
from compute.io.dispatch import columns_header, read, read_bytes
from compute.io.question import Choice, Question, QuestionError
from compute.io.raw import LIMITS, Limits, Measurement, RawSpectrum
from compute.io.xdi_write import write_xdi

__all__ = [
    "COLUMNS_HEADER",
    "LIMITS",
    "Choice",
    "ColumnChoice",
    "Limits",
    "Measurement",
    "Question",
    "QuestionError",
    "RawSpectrum",
    "columns_header",
    "read",
    "read_bytes",
    "write_xdi",
]
