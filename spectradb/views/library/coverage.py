"""The coverage map: which ions in which surroundings the library has spectra of."""

from __future__ import annotations

from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from spectradb.services.library.coverage import Coverage, Environment, Ion, coverage, gaps

_KINDS = ("", "theory", "experiment")
_REAL = {"": None, "real": False, "hypothetical": True}
_STEPS = (1, 3, 10, 30, 100)
"""From these counts on a cell is darker."""


@require_safe
def coverage_map(request: HttpRequest) -> HttpResponse:
    kind = request.GET.get("kind", "")
    real = request.GET.get("structures", "")
    kind = kind if kind in _KINDS else ""
    real = real if real in _REAL else ""
    found = coverage(kind=kind, hypothetical=_REAL[real])
    context = {
        "found": found,
        "blocks": _blocks(found),
        "columns": found.environments,
        "elements": _elements(found, kind, real),
        "kind": kind,
        "structures": real,
        "kinds": [
            ("", gettext("All")),
            ("theory", gettext("Theory")),
            ("experiment", gettext("Experiment")),
        ],
        "realities": [
            ("", gettext("All structures")),
            ("real", gettext("Real")),
            ("hypothetical", gettext("Hypothetical")),
        ],
        "steps": _STEPS,
        "gaps": gaps(),
        "filled": len(found.counts),
    }
    return render(request, "library/coverage.html", context)


def _blocks(found: Coverage) -> list[dict[str, Any]]:
    """Header of the columns: each ligand over its coordination numbers."""
    return [
        {"ligands": ligands, "width": len(list(members))}
        for ligands, members in groupby(found.environments, key=lambda one: one.ligands)
    ]


def _elements(found: Coverage, kind: str, real: str) -> list[dict[str, Any]]:
    """Rows, an element at a time; each cell with its count, shade and address."""
    elements = []
    for absorber, members in groupby(found.ions, key=lambda ion: ion.absorber):
        ions = list(members)
        rows = []
        for ion in ions:
            cells = []
            states = found.states.get(ion, [])
            for place in found.environments:
                n = found.counts.get((ion, place), 0)
                cells.append(
                    {
                        "n": n,
                        "shade": sum(n >= step for step in _STEPS),
                        "address": _address(ion, states, place, kind, real)
                        if n and place.ligands
                        else "",
                        "place": place,
                    }
                )
            rows.append(
                {
                    "ion": ion,
                    "cells": cells,
                    "total": found.totals[ion],
                    "address": _address(ion, states, None, kind, real),
                }
            )
        elements.append({"symbol": absorber, "rows": rows, "n": len(rows)})
    return elements


def _address(ion: Ion, states: list[float], place: Environment | None, kind: str, real: str) -> str:
    """The results that a cell counts."""
    query: dict[str, Any] = {"absorber": ion.absorber, "edge": "L23"}
    if states:
        query["oxidation_state"] = ",".join(repr(one).removesuffix(".0") for one in states)
    if place is not None:
        query["ligands"] = place.ligands
        if place.coordination is not None:
            query["coordination_number"] = place.coordination
    if kind:
        query["kind"] = kind
    if real:
        query["hypothetical"] = "true" if real == "hypothetical" else "false"
    return f"{reverse('results')}?{urlencode(query)}"
