"""The first page: search, counts, the ridge, the periodic table, what is new."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_safe

from compute.edges import edge_energy, members
from spectradb.elements import BY_SYMBOL, Element, grid
from spectradb.models import Kind, Spectrum
from spectradb.plots import RidgeLine, draw_ridge
from spectradb.services.search.facets import library_stamp, totals
from spectradb.views.spectra.describe import site_labels, source_line

EDGES = ("", "K", "L23", "M45")
_STEPS = (1, 50, 500, 3_000, 10_000)
# Ions of the ridge, top to bottom, with the token of their colour.
_RIDGE = (
    ("Ti", 4.0, "s1"), ("Mn", 3.0, "s4"), ("Mn", 2.0, "s2"), ("Co", 2.0, "s3"), ("Ni", 2.0, "s5"),
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One cell of the table; ``level`` is the colour step of its count."""

    element: Element | None
    count: int = 0
    level: int = 0
    suffix: str = ""
    series: str = ""


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    edge = request.GET.get("edge", "")
    kind = request.GET.get("kind", "")
    numbers = totals()
    counts = _counts(numbers["cells"], edge if edge in EDGES else "", kind)
    focus = _focus(numbers["cells"], request.GET.get("element", ""))
    newest = list(
        Spectrum.objects.published()
        .without_arrays()
        .select_related("structure", "site", "calculation", "measurement")
        .order_by("-published_at")[:6]
    )
    labels = site_labels(spectrum.structure_id for spectrum in newest)
    for spectrum in newest:
        spectrum.source_line = source_line(spectrum, labels)  # type: ignore[attr-defined]
    week = timezone.now() - timedelta(days=7)
    fresh = newest and newest[0].published_at is not None and newest[0].published_at > week
    suffix = (f"&edge={edge}" if edge else "") + (f"&kind={kind}" if kind else "")
    return render(
        request,
        "search/home.html",
        {
            "totals": numbers,
            "ridge": _ridge(),
            "cells": [[_cell(element, counts, suffix) for element in row] for row in _rows()],
            "edge_choices": [(name, gettext("All edges")) for name in EDGES],
            "kind_choices": [
                ("", gettext("All")),
                *[(value, gettext(str(label))) for value, label in Kind.choices],
            ],
            "chosen_edge": edge,
            "chosen_kind": kind,
            "focus": focus,
            "table_data": _table_data(numbers["cells"]),
            "newest": newest,
            "newest_title": gettext("New this week") if fresh else gettext("Newest"),
        },
    )


def edges_shown(symbol: str, counted: set[str]) -> list[str]:
    """The edges of the side card: those that have spectra, or the three usual ones."""
    usual = ["K", "L23", "M45" if BY_SYMBOL[symbol].z > 36 else "M23"]
    return [*usual, *sorted(counted - set(usual))][:5]


def _focus(cells: list[tuple[str, str, str, int]], asked: str) -> dict[str, Any]:
    """What the side card says at first: the element asked for, or the best filled metal."""
    by_absorber: dict[str, int] = defaultdict(int)
    for absorber, _, _, n in cells:
        by_absorber[absorber] += n
    best = max(
        (symbol for symbol in by_absorber if symbol in BY_SYMBOL and BY_SYMBOL[symbol].z > 20),
        key=lambda symbol: by_absorber[symbol],
        default="Ni",
    )
    if by_absorber.get("Ni"):
        best = "Ni"
    element = BY_SYMBOL.get(asked) or BY_SYMBOL[best]
    here = [cell for cell in cells if cell[0] == element.symbol]
    edges = edges_shown(element.symbol, {edge for _, edge, _, _ in here})
    return {
        "symbol": element.symbol,
        "name": gettext(element.name),
        "z": element.z,
        "measured": sum(n for _, _, kind, n in here if kind == Kind.EXPERIMENT),
        "edges": [
            {
                "edge": edge,
                "energy": energy_text(element.symbol, edge),
                "count": sum(n for _, name, _, n in here if name == edge),
            }
            for edge in edges
        ],
    }


def energy_text(symbol: str, edge: str) -> str:
    """Tabulated energy of an edge in whole eV; empty where there is none."""
    energy = edge_energy(symbol, edge)
    return f"{energy:.0f}" if energy else ""


def _table_data(cells: list[tuple[str, str, str, int]]) -> dict[str, Any]:
    """What the page's script needs to recolour the table and fill the side card."""
    counts: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for absorber, edge, kind, n in cells:
        both = counts[absorber].setdefault(edge, [0, 0])
        both[kind == Kind.EXPERIMENT] += n
    symbols = [symbol for symbol in counts if symbol in BY_SYMBOL]
    return {
        "counts": {symbol: counts[symbol] for symbol in symbols},
        "names": {symbol: gettext(BY_SYMBOL[symbol].name) for symbol in symbols},
        "energies": {
            symbol: {
                edge: energy_text(symbol, edge) for edge in edges_shown(symbol, set(counts[symbol]))
            }
            for symbol in symbols
        },
        "browse": gettext("Browse %s"),
        "one": gettext("%s spectrum"),
        "many": gettext("%s spectra"),
        "steps": _STEPS,
    }


def _counts(cells: list[tuple[str, str, str, int]], edge: str, kind: str) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for absorber, name, what, n in cells:
        if edge and name != edge and name not in members(edge):
            continue
        if not kind or what == kind:
            counts[absorber] += n
    return counts


def _rows() -> list[list[Element | str | None]]:
    rows: list[list[Element | str | None]] = [list(row) for row in grid()]
    rows[5][2], rows[6][2] = "57–71", "89–103"
    return rows


def _cell(element: Element | str | None, counts: dict[str, int], suffix: str) -> Cell | None:
    if element is None:
        return None
    if isinstance(element, str):
        return Cell(None, series=element)
    count = counts.get(element.symbol, 0)
    return Cell(element, count, sum(count >= step for step in _STEPS), suffix)


def _ridge() -> SafeString | None:
    """L2,3 spectra of five ions as the library has them, octahedral ones first."""
    key = f"ridge:{library_stamp()}:{get_language()}"
    drawn: SafeString | None = cache.get(key)
    if drawn is not None:
        return drawn or None
    lines = []
    for symbol, valence, colour in _RIDGE:
        spectrum = (
            Spectrum.objects.published()
            .filter(kind=Kind.THEORY, absorber=symbol, edge="L23")
            .filter(site__oxidation_state=valence)
            .select_related("calculation")
            .order_by("-site__coordination_number", "pk")
            .first()
        )
        if spectrum is not None:
            lines.append(
                RidgeLine(
                    symbol,
                    valence,
                    spectrum.energy,
                    spectrum.intensity,
                    colour,
                    _boundary(spectrum),
                )
            )
    drawn = draw_ridge(lines) if lines else SafeString("")
    cache.set(key, drawn, 3600)
    return drawn or None


def _boundary(spectrum: Spectrum) -> float | None:
    """Between L3 (near −ζ/2 of the configuration average) and L2 (near +ζ), eV."""
    parameters = spectrum.calculation.parameters if spectrum.calculation else {}
    zeta = (parameters.get("final") or {}).get("zeta_2p")
    if zeta is None or spectrum.energy_offset_ev is None:
        return None
    return float(spectrum.energy_offset_ev) + 0.25 * float(zeta)
