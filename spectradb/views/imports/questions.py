"""The question that a table of columns asks, with a preview of its choices; what was answered."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy

from spectradb.models import Upload
from spectradb.plots import Curve, Figure, nice_range
from spectradb.plots.figure import COLOURS
from spectradb.services.imports.questions import OpenFile, merged, open_file, preview
from spectradb.views.spectra.figures import Plot

_SAID = (
    (re.compile(r"(.+) as it stands"), gettext_lazy("%s as it stands")),
    (re.compile(r"(.+): transmission"), gettext_lazy("%s: transmission")),
    (
        re.compile(r"(.+): fluorescence or yield over I0"),
        gettext_lazy("%s: fluorescence or yield over I0"),
    ),
    (re.compile(r"(.+) is the energy"), gettext_lazy("%s is the energy")),
    (
        re.compile(r"The file does not say which of its columns is the spectrum \((.+)\)\."),
        gettext_lazy("The file does not say which of its columns is the spectrum (%s)."),
    ),
)
"""What readers ask most, in the page's language; what is rare stays as they say it."""


def _said(text: str) -> str:
    for pattern, words in _SAID:
        if found := pattern.fullmatch(text):
            return str(words) % found[1]
    return text


def options_of(request: HttpRequest, upload: Upload) -> dict[str, Any]:
    """The choice that was marked, or the columns that were typed in."""
    opened = open_file(upload)
    picked = request.POST.get("choice", "")
    if opened is not None and picked.isdecimal():
        choices = opened.question.choices
        if int(picked[:4]) < len(choices):
            return merged({}, choices[int(picked[:4])])
    typed: dict[str, Any] = {
        name: request.POST[name].strip()[:200]
        for name in ("energy", "i0", "unit")
        if request.POST.get(name, "").strip()
    }
    signals = [text.strip()[:200] for text in request.POST.get("signal", "").split(";")]
    if any(signals):
        typed["signal"] = [text for text in signals if text]
    return typed


def questions_of(asked: list[Upload]) -> list[dict[str, Any]]:
    """One form for all files of one header that ask the same, with a preview of the first."""
    groups: dict[tuple[str, str], list[OpenFile]] = {}
    for upload in asked:
        opened = open_file(upload)
        if opened is not None:
            key = (opened.question.header, opened.question.what)
            groups.setdefault(key, []).append(opened)
    shown = []
    for number, files in enumerate(groups.values(), start=1):
        question = files[0].question
        table = [] if question.table is None else question.table[:4].tolist()
        shown.append(
            {
                "number": number,
                "what": _said(question.what),
                "choices": [_said(choice.label) for choice in question.choices],
                "files": [one.upload for one in files],
                "columns": list(enumerate(question.columns, start=1)),
                "rows": [[f"{value:.6g}" for value in row] for row in table],
                "plot": _preview(files[0], number),
            }
        )
    return shown


def _preview(opened: OpenFile, number: int) -> Plot | None:
    """The choices drawn over the energy, each from 0 to 1."""
    curves = []
    low, high = float("inf"), float("-inf")
    for index, (name, energy, signal) in enumerate(preview(opened)):
        # The formula alone: the list below says what each is, and a legend has to fit on a phone.
        name = name.partition(": ")[0].removesuffix(" as it stands")
        span = float(np.ptp(signal)) or 1.0
        colour = COLOURS[index % len(COLOURS)]
        curves.append(
            Curve(name, energy, (signal - signal.min()) / span, "theory", colour, key=name)
        )
        low, high = min(low, float(energy[0])), max(high, float(energy[-1]))
    if not curves:
        return None
    figure = Figure(
        gettext("Energy (eV)"),
        gettext("Intensity (each from 0 to 1)"),
        (low, high),
        nice_range(0.0, 1.0),
        curves=curves,
    )
    return Plot(f"preview-{number}", figure, gettext("Preview of the choices"))
