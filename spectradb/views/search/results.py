"""The results page: facets, chips, rows; the address holds the whole search."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_safe

from spectradb.filters import SearchError, parse_text
from spectradb.filters.text import alike
from spectradb.formulae import edge_text
from spectradb.models import Collection, Kind, Series, Spectrum, Structure
from spectradb.models.spectra import ARRAYS
from spectradb.services.search.facets import Choice, Found, search
from spectradb.templatetags.science import valence
from spectradb.views.calculations.sliders import USUAL, ions
from spectradb.views.search.recipe import python_recipe
from spectradb.views.spectra.describe import site_labels, source_line
from spectradb.views.spectra.figures import Plot, overlay_figure

_KEPT: dict[str, tuple[Any, str]] = {"M": (Series, "series"), "C": (Collection, "collection")}
_OTHER_IDS = re.compile(r"SDB-([MC])(\d{1,18})", re.IGNORECASE)
PAGE_SIZE = 25
OWN_KEYS = ("page", "view", "format")
ORDERINGS = (
    ("-published_at", gettext_lazy("Newest")),
    ("formula", gettext_lazy("Formula")),
    ("energy_above_hull", gettext_lazy("Energy above hull")),
    ("-n_points", gettext_lazy("Points")),
    ("id", gettext_lazy("Number")),
)
EDGES = ("K", "L1", "L23", "L3", "M23", "M45", "N45")
LABELS = {
    "q": gettext_lazy("Text"),
    "absorber": gettext_lazy("Absorber"),
    "edge": gettext_lazy("Edge"),
    "kind": gettext_lazy("Kind"),
    "technique": gettext_lazy("Technique"),
    "elements": gettext_lazy("Contains"),
    "without_elements": gettext_lazy("Without"),
    "only_elements": gettext_lazy("Made of"),
    "chemsys": gettext_lazy("System"),
    "coordination_number": gettext_lazy("Neighbours"),
    "geometry": gettext_lazy("Coordination"),
    "oxidation_state": gettext_lazy("Oxidation state"),
    "ligands": gettext_lazy("Ligands"),
    "crystal_system": gettext_lazy("Crystal system"),
    "prototype": gettext_lazy("Structure type"),
    "energy_above_hull_min": gettext_lazy("Above hull ≥"),
    "energy_above_hull_max": gettext_lazy("Above hull ≤"),
    "peak_position_min": gettext_lazy("Peak above"),
    "peak_position_max": gettext_lazy("Peak below"),
    "peak_hwhm_max": gettext_lazy("HWHM ≤"),
    "peak_main": gettext_lazy("Largest peak"),
    "structure": gettext_lazy("Structure"),
    "status": gettext_lazy("Status"),
    "formula": gettext_lazy("Formula"),
}
_UNITS = {
    "energy_above_hull_min": " eV",
    "energy_above_hull_max": " eV",
    "peak_position_min": " eV",
    "peak_position_max": " eV",
    "peak_hwhm_max": " eV",
}


@dataclass(frozen=True)
class Chip:
    """One choice in force, and the address without it."""

    label: str
    text: str
    drop: str
    key: str


@dataclass(frozen=True)
class Facet:
    """A group of check boxes; the first ``SHOWN`` are in sight, the rest behind a fold."""

    key: str
    label: str
    options: list[dict[str, Any]]
    more: list[dict[str, Any]]


SHOWN = 5


@require_safe
def results(request: HttpRequest) -> HttpResponse:
    started = time.perf_counter()
    if found := _exact(request):
        return found
    query = asked(request.GET)
    context: dict[str, Any] = {
        "query": query,
        "chips": _chips(query),
        "orderings": ORDERINGS,
        "edges": EDGES,
        "view": request.GET.get("view", ""),
        "api_call": f"{reverse('api-help').rstrip('/')}",
        "api_query": urlencode(query, doseq=True),
        "recipe": python_recipe(request, query),
    }
    try:
        found_rows = search(query, request.user)
    except SearchError as error:
        context["errors"] = error.errors
        return render(request, "search/results.html", context, status=400)
    page, rows = _page(request, found_rows)
    context["record"] = _record_numbered(query, request)
    labels = site_labels(spectrum.structure_id for spectrum in rows)
    for spectrum in rows:
        spectrum.source_line = source_line(spectrum, labels)  # type: ignore[attr-defined]
    context |= {
        "found": found_rows,
        "page": page,
        "rows": rows,
        "facets": _facets(found_rows, query),
        "n_chosen": len(context["chips"]),
    }
    if not rows:
        context["ways_out"] = _ways_out(query, request)
        context["near"] = _near(query, request)
        context["compute"] = compute_address(query)
    elif context["view"] == "overlay":
        numbers = [row.pk for row in rows[:20]]
        drawn = Spectrum.objects.only(
            "kind", "technique", "absorber", "edge", "formula", "title", *ARRAYS
        ).in_bulk(numbers)
        figure = overlay_figure([drawn[pk] for pk in numbers if pk in drawn])
        context["plot"] = Plot(
            "overlay", figure, gettext("Spectra of this page over one another"), "tall"
        )
    context["milliseconds"] = round((time.perf_counter() - started) * 1000)
    return render(request, "search/results.html", context)


def asked(get: QueryDict) -> dict[str, list[str]]:
    """The search among the parameters: no empty values, none of the page's own.

    The form's field is ``contains``: one named ``elements``, as the key is, would hide the form's
    own list of elements from scripts.
    """
    query = {
        key: [value.strip() for value in values if value.strip()]
        for key, values in get.lists()
        if key not in OWN_KEYS
    }
    if contains := query.pop("contains", None):
        query["elements"] = query.get("elements", []) + contains
    return {key: values for key, values in query.items() if values}


def _exact(request: HttpRequest) -> HttpResponse | None:
    """A search for one exact id goes straight there."""
    text = request.GET.get("q", "").strip()
    if not text or len(asked(request.GET)) > 1:
        return None
    meant = parse_text(text)
    if meant.spectrum_id is not None:
        if Spectrum.objects.visible_to(request.user).filter(pk=meant.spectrum_id).exists():
            return redirect("spectrum", meant.spectrum_id)
    elif meant.structure_id is not None:
        if Structure.objects.filter(pk=meant.structure_id).exists():
            return redirect("structure", meant.structure_id)
    elif other := _OTHER_IDS.fullmatch(text):
        rows, page = _KEPT[other[1].upper()]
        if rows.objects.visible_to(request.user).filter(pk=int(other[2])).exists():
            return redirect(page, int(other[2]))
    elif meant.source_id:
        known = Structure.objects.filter(source_id__iexact=meant.source_id, is_primary=True)
        found = list(known.values_list("pk", flat=True)[:2])
        if len(found) == 1:
            return redirect("structure", found[0])
    return None


def _record_numbered(query: dict[str, list[str]], request: HttpRequest) -> int | None:
    """The spectrum whose number a line is that is read as a space group."""
    text = query.get("q", [""])[0]
    if not (text.isdecimal() and parse_text(text).about.space_group):
        return None
    return (
        Spectrum.objects.visible_to(request.user)
        .filter(pk=int(text))
        .values_list("pk", flat=True)
        .first()
    )


def _page(request: HttpRequest, found: Found) -> tuple[Any, list[Any]]:
    """The page and its rows."""
    page = Paginator(found.rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return page, list(page.object_list)


def _chips(query: dict[str, list[str]]) -> list[Chip]:
    chips = []
    for key, values in query.items():
        if key == "ordering":
            continue
        for value in [part for text in values for part in _parts(key, text)]:
            chips.append(
                Chip(
                    str(LABELS.get(key, key)),
                    value_text(key, value),
                    _without(query, key, value),
                    key,
                )
            )
    return chips


def _parts(key: str, text: str) -> list[str]:
    return [text] if key == "q" else [part.strip() for part in text.split(",") if part.strip()]


def value_text(key: str, value: str) -> str:
    """The value of a key of the search as pages write it."""
    if key == "edge":
        return edge_text(value)
    if key == "oxidation_state":
        try:
            return valence(float(value))
        except ValueError:
            return value
    if key == "kind" and value in Kind.values:
        return gettext(str(Kind(value).label))
    if key == "q" and value.isdecimal() and (group := parse_text(value).about.space_group):
        return gettext("space group %(number)s") % {"number": group}
    return value + _UNITS.get(key, "")


def _without(query: dict[str, list[str]], key: str, value: str) -> str:
    kept = {name: values for name, values in query.items() if name != key}
    rest = [part for text in query[key] for part in _parts(key, text) if part != value]
    if rest:
        kept[key] = rest
    return "?" + urlencode(kept, doseq=True)


def _ways_out(query: dict[str, list[str]], request: HttpRequest) -> list[dict[str, Any]]:
    """For an empty set: each choice whose removal would leave something, most first."""
    ways = []
    chips = _chips(query)
    words = query.get("q", [""])[0].split()
    if len(words) > 1:  # each word of the search box is a choice of its own
        chips = [chip for chip in chips if chip.key != "q"]
        for k, word in enumerate(words):
            others = " ".join(words[:k] + words[k + 1 :])
            drop = "?" + urlencode({**query, "q": [others]}, doseq=True)
            chips.append(Chip(str(LABELS["q"]), word, drop, "q"))
    for chip in chips[:8]:
        rest = asked(QueryDict(chip.drop[1:]))
        n = search(rest, request.user).n_spectra
        if n:
            ways.append({"chip": chip, "n": n})
    return sorted(ways, key=lambda way: -way["n"])


def _near(query: dict[str, list[str]], request: HttpRequest) -> list[dict[str, Any]]:
    """What is like the line of text and would be found: other spellings, the same elements."""
    text = query.get("q", [""])[0]
    meant = parse_text(text)
    others = [text.replace(word, near) for word in meant.words for near in alike(word)]
    others += [" ".join(re.findall(r"[A-Z][a-z]?", formula)) for formula in meant.formulae]
    near = []
    for other in dict.fromkeys(others):
        n = search({**query, "q": [other]}, request.user).n_spectra
        if n:
            near.append({"text": other, "n": n, "to": "?" + urlencode({**query, "q": other}, True)})
    return near[:3]


def compute_address(query: dict[str, list[str]]) -> str:
    """The Multiplet page with the ion that was asked for; empty where the engine has none."""
    meant = parse_text(query.get("q", [""])[0])
    absorbers = [one for text in query.get("absorber", []) for one in _parts("absorber", text)]
    states = [one for text in query.get("oxidation_state", []) for one in _parts("", text)]
    wanted = [*absorbers, meant.absorber, *meant.elements, *query.get("elements", [])]
    wanted += re.findall(r"[A-Z][a-z]?", " ".join(meant.formulae) or meant.chemsys)
    able = dict(ions())
    element = next((one for one in wanted if able.get(one)), "")
    if not element:
        return ""
    try:
        state = float(states[0]) if states else meant.valence
    except ValueError:
        state = None
    charges = {charge: key for key, charge, _ in able[element]}
    key = charges.get(state) if state is not None else None  # type: ignore[call-overload]
    if not key and element not in USUAL:
        return ""
    return f"{reverse('multiplet')}?" + urlencode({"ion": key} if key else {"element": element})


def _facets(found: Found, query: dict[str, list[str]]) -> list[Facet]:
    absorbers = [part for text in query.get("absorber", []) for part in _parts("absorber", text)]
    symbol = absorbers[0] if len(absorbers) == 1 else ""
    facets = [
        _facet("kind", found, lambda value: gettext(str(Kind(value).label))),
        _facet("technique", found, str, least=2),
        _facet("geometry", found, lambda value: gettext(value)),
        _facet("coordination_number", found, str, by_value=True)
        if query.get("coordination_number")
        else None,
        _facet(
            "oxidation_state",
            found,
            lambda value: valence(value),
            by_value=True,
            symbol=symbol,
        ),
        _facet("ligands", found, str),
        _facet("crystal_system", found, lambda value: gettext(value).capitalize(), least=2),
    ]
    return [facet for facet in facets if facet is not None]


def _facet(
    key: str,
    found: Found,
    word: Any,
    *,
    least: int = 1,
    by_value: bool = False,
    symbol: str = "",
) -> Facet | None:
    choices: list[Choice] = found.facets[key]
    if len(choices) < least and not any(choice.chosen for choice in choices):
        return None
    if not choices:
        return None
    head = choices[:SHOWN] + [choice for choice in choices[SHOWN:] if choice.chosen]
    tail = [choice for choice in choices[SHOWN:] if not choice.chosen]
    if by_value:
        head.sort(key=lambda choice: float(choice.value))
        tail.sort(key=lambda choice: float(choice.value))
    if key == "kind":
        head.sort(key=lambda choice: str(choice.value), reverse=True)

    def option(choice: Choice) -> dict[str, Any]:
        exact = isinstance(choice.value, float)
        value = repr(choice.value).removesuffix(".0") if exact else choice.value
        return {
            "value": value,
            "text": word(choice.value)
            if choice.beside is None
            else f"{choice.beside}, {word(choice.value)}",
            "symbol": symbol,
            "count": choice.count,
            "chosen": choice.chosen,
        }

    shown = _one_a_text([option(c) for c in (*head, *tail)], len(head))
    return Facet(key, str(LABELS[key]), *shown)


def _one_a_text(
    options: list[dict[str, Any]], n_first: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Choices in sight and behind the fold; what reads the same (2 and 2.001) is one choice."""
    first: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    known: dict[str, dict[str, Any]] = {}
    for k, one in enumerate(options):
        if (same := known.get(one["text"])) is not None:
            same["value"] = f"{same['value']},{one['value']}"
            same["count"] += one["count"]
            same["chosen"] |= one["chosen"]
            continue
        known[one["text"]] = one
        (first if k < n_first else rest).append(one)
    return first, rest[:20]
