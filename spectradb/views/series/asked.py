"""What the address of a page of a series names: regions, the frame, the map that is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from compute.errors import InputError
from spectradb.models import JobStatus, Series, SeriesAnalysis
from spectradb.services.series.overlay import Overlay, overlay
from spectradb.services.series.values import LARGE, Region, Summed, summed
from spectradb.turns import turn
from spectradb.views.series.figures import TRUSTS
from spectradb.words import in_words


def series_of(request: HttpRequest, pk: int) -> Series:
    """The row, if this person sees it."""
    return get_object_or_404(Series.objects.visible_to(request.user), pk=pk)


def analysis_of(request: HttpRequest, pk: int, analysis_pk: int, *, done: bool) -> SeriesAnalysis:
    rows = SeriesAnalysis.objects.visible_to(request.user).select_related("series")
    if done:
        rows = rows.filter(job_status=JobStatus.DONE)
    return get_object_or_404(rows, pk=analysis_pk, series=pk)


def region_of(text: str, row: Series) -> Region:
    """Raises BadRequest with the words of what is wrong."""
    try:
        return Region.parse(text, row)
    except InputError as error:
        raise BadRequest(in_words(error)) from error


def frame_of(request: HttpRequest, row: Series) -> tuple[int, ...]:
    """Indices on the axes before the last two: ``frame=0,3``; the first of each without."""
    outer = row.shape[:-2] if len(row.shape) > 2 else ()
    text = request.GET.get("frame", "")
    if not text:
        return (0,) * len(outer)
    words = text.split(",")
    if len(words) != len(outer) or not all(one.isdecimal() and len(one) < 9 for one in words):
        raise BadRequest(f"frame: {len(outer)} numbers, separated by commas")
    frame = tuple(int(one) for one in words)
    if any(index >= size for index, size in zip(frame, outer, strict=True)):
        raise BadRequest(f"frame {text}: beyond the series")
    return frame


def trust_of(request: HttpRequest) -> str:
    trust = request.GET.get("trust", "")
    return trust if trust in TRUSTS else ""


@dataclass(frozen=True)
class Place:
    """A region and its spectrum."""

    region: Region
    found: Summed


def place_of(request: HttpRequest, text: str, row: Series) -> Place:
    """The mean of all comes from the row; everything else from the file.

    Large regions take seconds: each person reads one at a time.

    Raises
    ------
    BadRequest
        What is no region of this series.
    ReadError
        If the file of the series is missing or damaged.
    TurnTakenError
        If a large region is asked for while this person reads another.
    """
    region = region_of(text, row)
    if region.is_whole and row.counted is not None:
        stored = (np.asarray(one) for one in (row.energy, row.summed, row.counted))
        return Place(region, Summed(*stored))
    if region.n <= LARGE:
        return Place(region, summed(row, region))
    with turn(request):
        return Place(region, summed(row, region))


def overlay_of(request: HttpRequest, row: SeriesAnalysis, region: Region) -> Overlay:
    """What an analysis makes of a region.

    Corrections are settled on a sample of the series, which takes seconds of a large one: each
    person asks for one at a time.

    Raises
    ------
    InputError, ReadError, TurnTakenError
        As :func:`~spectradb.services.series.overlay.overlay`; while this person asks for another.
    """
    if not row.options.get("corrections"):
        return overlay(row, region)
    with turn(request):
        return overlay(row, region)
