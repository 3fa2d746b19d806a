"""The choices of a match: shown with their values, and read from what was sent."""

from __future__ import annotations

import math
import re
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from django.utils.translation import gettext

from spectradb.filters import SearchError, filterset
from spectradb.formulae import edge_text
from spectradb.models import MatchRun, Spectrum
from spectradb.services.matching.groups import groups
from spectradb.services.matching.options import MAX_SHIFT_EV, MatchOptions
from spectradb.services.matching.runs import Request
from spectradb.services.search.facets import search
from spectradb.words import in_words

MAX_SHIFT = 20.0
_ABOUT_SITES = ("oxidation_state", "coordination_number", "ligands")
_OF_ELEMENTS = {"elements": "holding", "only_elements": "sample"}  # fields of the form


def choices(asked: Request, source: dict[str, Any]) -> dict[str, Any]:
    """Choices of the search with their values; the counts of site facets are of this edge."""
    options = asked.options
    chosen = f"{options.absorber}-{options.edge}" if options.absorber and options.edge else ""
    edges: dict[str, dict[str, Any]] = {}
    for group, low, high in groups():
        key = f"{group.absorber}-{group.edge}"
        one = edges.setdefault(
            key, {"key": key, "words": f"{group.absorber} {edge_text(group.edge)}", "near": False}
        )
        if source["low"] is not None:
            shared = min(source["high"], high) - max(source["low"], low)
            one["near"] = one["near"] or shared >= 0.5 * (high - low)
    listed = [one for one in edges.values() if one["near"] or one["key"] == chosen]
    facets: dict[str, list[Any]] = {}
    if chosen:
        query = {"absorber": [options.absorber or ""], "edge": [options.edge or ""]}
        try:
            counted = search(query, AnonymousUser()).facets
            facets = {name: counted.get(name, []) for name in _ABOUT_SITES}
        except SearchError:
            facets = {}
    return {
        "edges": listed,
        "chosen": chosen,
        "kind": options.kind or "",
        "lo": _text(options.energy_range[0]) if options.energy_range else "",
        "hi": _text(options.energy_range[1]) if options.energy_range else "",
        "max_shift": _text(options.max_shift_ev),
        "part": asked.part,
        "holding": ",".join(asked.where.get("elements", [])),
        "sample": ",".join(asked.where.get("only_elements", [])),
        "facets": [
            {
                "name": name,
                "label": label,
                "choices": facets.get(name, []),
                "chosen": [str(value) for value in asked.where.get(name, [])],
            }
            for name, label in (
                ("oxidation_state", gettext("Valence")),
                ("coordination_number", gettext("Coordination")),
                ("ligands", gettext("Ligands")),
            )
        ],
        "words": _searched(options, asked),
    }


def _searched(options: MatchOptions, asked: Request) -> str:
    """Where it was searched: ``Mn L2,3, theory, contains O``."""
    parts = []
    if options.absorber and options.edge:
        parts.append(f"{options.absorber} {edge_text(options.edge)}")
    else:
        parts.append(gettext("every edge in its range"))
    if options.kind:
        parts.append(gettext("theory") if options.kind == "theory" else gettext("experiment"))
    if states := asked.where.get("oxidation_state"):
        parts.append(gettext("valence %s") % ", ".join(f"{float(s):g}" for s in states))
    if numbers := asked.where.get("coordination_number"):
        parts.append(gettext("coordination %s") % ", ".join(numbers))
    if ligands := asked.where.get("ligands"):
        parts.append(gettext("ligands %s") % ", ".join(ligands))
    if held := asked.where.get("elements"):
        parts.append(gettext("contains %s") % ", ".join(held))
    if only := asked.where.get("only_elements"):
        parts.append(gettext("made of %s") % ", ".join(only))
    return ", ".join(parts)


def request_of(post: QueryDict, run: MatchRun) -> tuple[Request, dict[str, str]]:
    """What the form asks, and what in it cannot be read, by field."""
    errors: dict[str, str] = {}
    absorber, _, edge = post.get("where", "").partition("-")
    kind = post.get("kind") if post.get("kind") in ("theory", "experiment") else None
    numbers: dict[str, float] = {}
    for name in ("lo", "hi", "max_shift"):
        text = post.get(name, "").strip()
        if not text:
            continue
        try:
            numbers[name] = float(text)
            if not math.isfinite(numbers[name]):
                raise ValueError
        except ValueError:
            errors[name] = gettext("%s is no number; write eV with a point.") % text
    energy_range = None
    if "lo" in numbers or "hi" in numbers:
        energy_range = (numbers.get("lo", 0.0), numbers.get("hi", 1e6))
        if energy_range[0] >= energy_range[1]:
            errors["hi"] = gettext("The range must end above its start.")
    shift = numbers.get("max_shift", MAX_SHIFT_EV)
    if not 0 <= shift <= MAX_SHIFT:
        errors["max_shift"] = gettext("Write a shift from 0 to %d eV.") % MAX_SHIFT
        shift = MAX_SHIFT_EV
    where = {name: [v for v in post.getlist(name) if v] for name in _ABOUT_SITES}
    for name, field in _OF_ELEMENTS.items():
        where[name] = re.split(r"[\s,;、，]+", post.get(field, ""))
    where = {name: kept for name, values in where.items() if (kept := [v for v in values if v])}
    try:
        bound = filterset(Spectrum, where)
        if not bound.is_valid():
            for name, texts in bound.search_errors().items():
                errors[_OF_ELEMENTS.get(name, "holding")] = " ".join(texts)
    except SearchError as error:
        errors["holding"] = in_words(error)
    part = post.get("part", "0")
    n_parts = len(run.upload.told.get("parts", [])) if run.upload else 1
    number = int(part) if part.isdecimal() and int(part) < n_parts else 0
    options = MatchOptions(
        absorber=absorber or None,
        edge=edge or None,
        kind=kind,
        energy_range=energy_range,
        max_shift_ev=shift,
    )
    return Request(options, where, number), errors


def _text(value: float) -> str:
    return f"{value:.10g}"
