"""What a reader told of a file at hand, in the page's language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext

from compute.io.question import edges_at_rise
from compute.io.raw import ASKS_ABSORBER
from spectradb.models import Spectrum
from spectradb.views.site.brought import File
from spectradb.views.spectra.figures import arrays
from spectradb.words import in_words

_COLUMN = re.compile(r"(energy|intensity): (.+?)(?: in (k?eV))?")


@dataclass(frozen=True)
class Note:
    """A sentence; ``is_doubt`` where somebody should look at it."""

    words: str
    is_doubt: bool


def notes_of(file: File, *, own: bool) -> list[Note]:
    """How the columns were read, what is open (said to its owner), what the reader doubts."""
    return told_of(file.upload.told["parts"][file.part]["warnings"], file.spectrum, own=own)


def told_of(warnings: Iterable[str], spectrum: Spectrum | None, *, own: bool = True) -> list[Note]:
    """The same of warnings that are kept with a spectrum; without one nothing is asked."""
    return list(_notes(warnings, spectrum, own=own))


def _notes(warnings: Iterable[str], spectrum: Spectrum | None, *, own: bool) -> Iterator[Note]:
    for text in warnings:
        if column := _COLUMN.fullmatch(text):
            yield Note(_column(*column.groups()), is_doubt=False)
        elif not text.startswith(ASKS_ABSORBER):
            yield Note(capfirst(in_words(text)), is_doubt=True)
        elif own and spectrum is not None and not (spectrum.absorber and spectrum.edge):
            yield Note(_open(spectrum), is_doubt=True)


def _column(what: str, name: str, unit: str | None) -> str:
    if what == "intensity":
        return gettext("Intensity: %s") % name
    if unit is None:
        return gettext("Energies: %s") % name
    return gettext("Energies: %(name)s, in %(unit)s") % {"name": name, "unit": unit}


def _open(spectrum: Spectrum) -> str:
    words = gettext("The file does not say which element and edge were measured: fill them in.")
    rise, near = edges_at_rise(*arrays(spectrum), spectrum.absorber)
    if near:
        told = {"rise": f"{rise:.1f}", "edges": ", ".join(map(str, near))}
        words += " " + gettext("Its steepest rise is at %(rise)s eV, near %(edges)s.") % told
    return words
