"""What the address of a comparison names: spectra, files at hand, and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict

from spectradb.filters import SearchError
from spectradb.models import Spectrum
from spectradb.services.search.facets import search
from spectradb.services.spectra.compare import ALIGNMENTS, SCALES, Align, Scale
from spectradb.views.site.brought import File, find_file
from spectradb.views.spectra.describe import name_of

MAX_SPECTRA = 20
COOKIE = "compare"
_FOUND = 8  # spectra that the add field offers


@dataclass(frozen=True)
class Entry:
    """One curve; ``key`` is a spectrum's number or a file's address."""

    key: str
    spectrum: Spectrum
    file: File | None = None

    @property
    def name(self) -> str:
        return self.file.name if self.file is not None else name_of(self.spectrum)

    @property
    def parameter(self) -> str:
        return "ids" if self.file is None else "file"

    @property
    def shift_name(self) -> str:
        return f"s{self.key}"


@dataclass(frozen=True)
class Asked:
    """How the curves are drawn; ``shifts`` and ``hidden`` by key."""

    scale: Scale
    align: Align
    offset: float
    shifts: dict[str, float]
    hidden: set[str]
    derivative: bool
    difference: bool


def begun(request: HttpRequest) -> str | None:
    """The address of what was compared last with one more, where only that one is named."""
    added = request.GET.get("add", "").strip()
    if not number_of(added) or any(name in request.GET for name in ("ids", "file", "shown")):
        return None
    new = ("ids", str(number_of(added)))
    pairs = [pair for pair in _last(request)[: MAX_SPECTRA - 1] if pair != new]
    return f"{request.path}?{urlencode([*pairs, new])}"


def last(request: HttpRequest) -> str:
    """The address of what was compared last; empty if nothing was."""
    pairs = _last(request)
    return f"{request.path}?{urlencode(pairs)}" if pairs else ""


def _last(request: HttpRequest) -> list[tuple[str, str]]:
    kept = [key.replace("~", ":") for key in request.COOKIES.get(COOKIE, "").split(".") if key]
    return [("ids" if key.isdecimal() else "file", key) for key in kept[:MAX_SPECTRA]]


def number_of(text: str) -> int | None:
    """``12`` or ``SDB-12``."""
    text = text.strip().upper().removeprefix("SDB-")
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 18 else None


def entries_of(request: HttpRequest) -> tuple[list[Entry], list[str], bool]:
    """Files at hand, then spectra, in order, each once; what is not there; whether too many."""
    get, removed = request.GET, request.GET.get("remove", "")
    files = [key for key in dict.fromkeys(get.getlist("file")) if key and key != removed]
    ids = [key for key in _ids(get) if key != removed]
    too_many = len(files) + len(ids) > MAX_SPECTRA
    files = files[:MAX_SPECTRA]
    ids = ids[: MAX_SPECTRA - len(files)]
    found = {key: find_file(request, key) for key in files}
    rows = (
        Spectrum.objects.visible_to(request.user)
        .select_related("structure", "site", "calculation", "measurement")
        # What neither plot nor line of provenance shows is not read either.
        .defer(
            "checks", "structure__data", "structure__findings", "calculation__results",
            "calculation__sticks", "calculation__trace", "measurement__header",
            "measurement__warnings",
        )
        .in_bulk([int(key) for key in ids])
    )  # fmt: skip
    entries = [Entry(key, file.spectrum, file) for key, file in found.items() if file is not None]
    entries += [Entry(key, rows[int(key)]) for key in ids if int(key) in rows]
    known = {one.key for one in entries}
    return entries, [key for key in (*files, *ids) if key not in known], too_many


def found_by(request: HttpRequest, text: str, entries: list[Entry]) -> list[Spectrum] | None:
    """Spectra that the add field's words find, without those already here; None if not words."""
    if not text or number_of(text) is not None:
        return None
    try:
        rows = search({"q": [text]}, request.user).rows
    except SearchError:
        return []
    here = {one.spectrum.pk for one in entries if one.file is None}
    return [row for row in rows[: _FOUND + len(here)] if row.pk not in here][:_FOUND]


def asked(get: QueryDict, entries: list[Entry]) -> Asked:
    scale: Scale = next((s for s in SCALES if s == get.get("norm")), _default_scale(entries))
    how: Align = next((a for a in ALIGNMENTS if a == get.get("align")), "hand")
    default = 0.45 if len(entries) > 3 else 0.0
    return Asked(
        scale=scale,
        align=how,
        offset=min(max(_number(get.get("offset"), default), 0.0), 3.0),
        shifts={one.key: _number(get.get(one.shift_name), 0.0) for one in entries},
        hidden={
            one.key for one in entries if "shown" in get and one.key not in get.getlist("show")
            and one.key != str(number_of(get.get("add", "")))
        },
        derivative=get.get("derivative") == "1",
        difference=get.get("difference") == "1",
    )  # fmt: skip


def _ids(get: QueryDict) -> list[str]:
    """Numbers in order, each once, from ``ids=1&ids=2`` or ``ids=1,2``; ``add`` may be SDB-3."""
    parts: list[Any] = [part for text in get.getlist("ids") for part in text.split(",")]
    numbers = [number_of(part) for part in [*parts, get.get("add", "")]]
    return list(dict.fromkeys(str(one) for one in numbers if one is not None))


def _default_scale(entries: list[Entry]) -> Scale:
    """Edge steps for K edges, peaks for everything else, nothing for one spectrum."""
    if len(entries) < 2:
        return "none"
    return "step" if all(one.spectrum.edge == "K" for one in entries) else "peak"


def _number(text: str | None, default: float) -> float:
    try:
        value = float(text) if text else default
    except ValueError:
        return default
    return value if abs(value) < 1e4 else default
