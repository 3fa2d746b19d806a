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
from spectradb.templatetags.science import thousands, valence

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
    """Rows, an element at a time; most cells are empty, which is None.

    The others have count, shade and the address of what they count: that of their ion, of their
    place and of the choices in force, each written once.
    """
    choices = _choices(kind, real)
    places = {place: _of_place(place) for place in found.environments}
    elements = []
    for absorber, members in groupby(found.ions, key=lambda ion: ion.absorber):
        rows = []
        for ion in members:
            of_ion = _of_ion(ion, found.states.get(ion, []))
            cells: list[dict[str, str] | None] = []
            for place, of_place in places.items():
                n = found.counts.get((ion, place), 0)
                cells.append(_cell(n, place, of_ion + of_place + choices) if n else None)
            rows.append(
                {
                    "ion": ion,
                    "words": _words(ion),
                    "cells": cells,
                    "total": found.totals[ion],
                    "address": of_ion + choices,
                }
            )
        elements.append({"symbol": absorber, "rows": rows, "n": len(rows)})
    return elements


def _cell(n: int, place: Environment, address: str) -> dict[str, str]:
    """A filled cell, in texts; of all the rarer ligands together there are no results to open."""
    number = "" if place.coordination is None else str(place.coordination)
    return {
        "n": thousands(n),
        "shade": str(sum(n >= step for step in _STEPS)),
        "address": address if place.ligands else "",
        "about": f"{number} {place.ligands}: {n}",
    }


def _words(ion: Ion) -> str:
    if ion.between is not None:
        return f"{ion.absorber} {valence(ion.between[0])}–{valence(ion.between[1])}"
    return f"{ion.absorber}{valence(ion.valence)}"


def _of_ion(ion: Ion, states: list[float]) -> str:
    """The results of an ion: the address as far as it is the ion's."""
    query = {"absorber": ion.absorber, "edge": "L23"}
    if states:
        query["oxidation_state"] = ",".join(repr(one).removesuffix(".0") for one in states)
    return f"{reverse('results')}?{urlencode(query)}"


def _of_place(place: Environment) -> str:
    query: dict[str, Any] = {"ligands": place.ligands}
    if place.coordination is not None:
        query["coordination_number"] = place.coordination
    return f"&{urlencode(query)}"


def _choices(kind: str, real: str) -> str:
    query = {"kind": kind} if kind else {}
    if real:
        query["hypothetical"] = "true" if real == "hypothetical" else "false"
    return f"&{urlencode(query)}" if query else ""
