"""What a reader asks where a file leaves open what only a person knows.

A :class:`Question` stops the reading: nothing of the file is stored until one of its choices is
given. An open element or edge does not stop it (:func:`with_absorber_hint`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from compute.edges import Edge, likely_edges
from compute.errors import ReadError
from compute.io.raw import Faults, FloatArray, RawSpectrum, ask_for_absorber


@dataclass(frozen=True)
class Choice:
    """One possible answer.

    Attributes
    ----------
    label : str
        In words.
    options : tuple of (name, value)
        The options of ``import_spectra`` that give it: ``energy``, ``signal``, ``i0``, ``unit``;
        the fields of a :class:`compute.io.choice.ColumnChoice`.
    """

    label: str
    options: tuple[tuple[str, str], ...]

    @property
    def command(self) -> str:
        return " ".join(f"--{name} {_quoted(value)}" for name, value in self.options)

    def as_json(self) -> dict[str, Any]:
        return {"label": self.label, "options": dict(self.options), "command": self.command}


@dataclass(frozen=True)
class Question:
    """What is open, the possible answers, and the table to show beside them.

    Attributes
    ----------
    what : str
    choices : tuple of Choice
        The likely ones; a person may also name other columns.
    header : str
        :func:`compute.io.choice.fingerprint` of the file: for which others an answer holds.
    columns : tuple of str
        The names of the columns of ``table``.
    table : float64 (n, columns) or None
        For a preview.
    energy : int or None
        Index of the energy column, where that is not what is asked.
    """

    what: str
    choices: tuple[Choice, ...]
    header: str = ""
    columns: tuple[str, ...] = ()
    table: FloatArray | None = None
    energy: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "choices": [choice.as_json() for choice in self.choices],
            "columns": list(self.columns),
            "header": self.header,
        }


class QuestionError(ReadError):
    """The file cannot be read before its question is answered."""

    def __init__(self, question: Question) -> None:
        answers = "; ".join(f"{one.label} ({one.command})" for one in question.choices[:8])
        more = len(question.choices) - 8
        answers += f"; and {more} more" if more > 0 else ""
        super().__init__([f"{question.what} Choose: {answers}" if answers else question.what])
        self.question = question


def with_absorber_hint(spectrum: RawSpectrum) -> RawSpectrum:
    """The spectrum, its warnings ending in a question where element or edge is open.

    The edges near the steepest rise are named as a help; none of them is filled in.
    """
    if spectrum.axis_unit != "eV" or (spectrum.element and spectrum.edge):
        return spectrum
    faults = Faults()
    ask_for_absorber(spectrum.element, spectrum.edge, faults)
    text = faults.warnings[0]
    rise, near = edges_at_rise(spectrum.energy_ev, spectrum.intensity, spectrum.element)
    if near:
        names = ", ".join(str(edge) for edge in near)
        text += f" (the steepest rise is at {rise:.1f} eV, near {names})"
    return replace(spectrum, warnings=(*spectrum.warnings, text))


def edges_at_rise(
    x: FloatArray, y: FloatArray, element: str | None = None
) -> tuple[float, list[Edge]]:
    """Energy of the steepest rise, eV, and the four likeliest edges near it.

    Those of ``element`` alone where it is known; NaN and none for fewer than 8 points.
    """
    rise = steepest_rise(x, y)
    if rise is None:
        return np.nan, []
    near = likely_edges(rise, max(15.0, 0.004 * rise))
    return rise, [edge for edge in near if not element or edge.element == element][:4]


def steepest_rise(x: FloatArray, y: FloatArray) -> float | None:
    """Energy of the largest slope over a few points; None for fewer than 8 points."""
    if x.size < 8:
        return None
    # The slope over four steps, so that one noisy point does not decide.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        slope = (y[4:] - y[:-4]) / (x[4:] - x[:-4])
    if not np.isfinite(slope).any():
        return None
    return float(x[2 + int(np.nanargmax(np.where(np.isfinite(slope), slope, -np.inf)))])


def _quoted(value: str) -> str:
    plain = value.replace("_", "").replace(".", "").replace("-", "").isalnum()
    return value if plain else "'" + value.replace("'", "'\\''") + "'"
