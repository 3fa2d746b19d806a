"""Which spectra of a search a model may learn from, and why the others are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from ml.errors import LearningError
from spectradb.filters import EVERYTHING, apply_where
from spectradb.models import Kind, Quantity, Spectrum, Status
from spectradb.models.visibility import as_condition, public_spectra
from spectradb.services.calculations.routes import ROUTES

LeftOut = dict[str, list[int]]
"""Spectra by the reason why they are not learnt from, one of :data:`REASONS`."""

REASONS = {
    "status": "not published",
    "embargo": "under embargo",
    "unstated": "what the intensity is, is not stated",
    "quantity": "of another quantity",
    "route": "by another route of computation",
    "structure": "without a structure and site",
    "repeated": "another record of the same calculation",
    "grid": "not on the energy grid",
    "scale": "without a target scale",
    "split": "in no part of the split",
    "disordered": "whose structure no model takes",
    "normalisation": "that cannot be normalised",
}
MOST_TOLD = 100  # spectra that are named for each reason
_READ = ("pk", "status", "embargo_until", "quantity", "kind", "absorber", "edge")
_RAW = (Quantity.MU, Quantity.COUNTS)
_SEVERAL = 6  # edges that an error names


@dataclass(frozen=True)
class Selected:
    """Spectra of one absorber, edge and quantity.

    Attributes
    ----------
    spectra : QuerySet
    absorber, edge : str
    quantity : str
        What the intensities are; several with commas where the search names them.
    normalised : bool
        Whether raw measured spectra are among them, which are to be normalised.
    left_out : dict
        Spectra of the search that are not among them, by reason.
    """

    spectra: QuerySet[Spectrum]
    absorber: str
    edge: str
    quantity: str
    normalised: bool = False
    left_out: LeftOut = field(default_factory=dict)


def select(query: Mapping[str, Sequence[str]], quantity: str = "") -> Selected:
    """The published spectra of a search whose intensities are of one stated quantity.

    Of several the most common is taken unless ``quantity`` says which; raw measured spectra count
    as normalised. Of several routes of computation likewise: their energies and shapes differ by
    more than crystals do. A search that names ``status``, ``quantity`` or ``route`` gets what it
    names, as stored. What is under embargo is never learnt from.

    Raises
    ------
    LearningError
        If nothing is left, or there are several absorbers or edges.
    SearchError
        If the search is none.
    """
    if quantity and "quantity" not in query and ("," in quantity or quantity == Quantity.ARBITRARY):
        query = {**query, "quantity": quantity.split(",")}  # as it was named before
    found = apply_where(Spectrum, query, EVERYTHING)
    left_out: LeftOut = {}
    kept: dict[str, list[int]] = {}
    edges: Counter[tuple[str, str]] = Counter()
    named, today = "quantity" in query, timezone.localdate()
    for pk, status, embargo, raw, kind, absorber, edge in (
        found.order_by().values_list(*_READ)
    ).iterator():
        made = Quantity.NORMALISED if kind == Kind.EXPERIMENT and raw in _RAW and not named else raw
        if embargo is not None and embargo > today:
            left_out.setdefault("embargo", []).append(pk)
        elif status != Status.PUBLISHED and "status" not in query:
            left_out.setdefault("status", []).append(pk)
        elif made == Quantity.ARBITRARY and not named:
            left_out.setdefault("unstated", []).append(pk)
        else:
            kept.setdefault(made, []).append(pk)
            edges[absorber, edge] += 1
    if not edges:
        raise LearningError("search", dict(query), _nothing(left_out))
    if len(edges) > 1:
        some = ", ".join(f"{' '.join(one)} ({n})" for one, n in edges.most_common(_SEVERAL))
        raise LearningError(
            "search", dict(query), f"selects several edges, {some}; name one absorber and edge"
        )
    (absorber, edge) = next(iter(edges))
    rows = found.filter(as_condition([public_spectra()]))
    if "status" in query:
        rows = found.filter(Q(embargo_until=None) | Q(embargo_until__lte=today))
    if named:
        rows = rows if "route" in query else _of_one_route(rows, left_out)
        return Selected(rows, absorber, edge, ",".join(sorted(kept)), left_out=left_out)
    chosen = quantity or max(kept, key=lambda one: len(kept[one]))
    others = [pk for other, pks in kept.items() if other != chosen for pk in pks]
    if others:
        left_out["quantity"] = others
    if chosen not in kept:
        raise LearningError("quantity", chosen, f"no spectrum is; there are {', '.join(kept)}")
    wanted = Q(quantity=chosen)
    if chosen == Quantity.NORMALISED:
        wanted |= Q(kind=Kind.EXPERIMENT, quantity__in=_RAW)
    elif chosen in _RAW:
        wanted &= Q(kind=Kind.THEORY)
    rows = rows.filter(wanted)
    rows = rows if "route" in query else _of_one_route(rows, left_out)
    return Selected(rows, absorber, edge, chosen, chosen == Quantity.NORMALISED, left_out)


def _of_one_route(rows: QuerySet[Spectrum], left_out: LeftOut) -> QuerySet[Spectrum]:
    """Without those of the less common routes; what no route of ours computed stays."""
    by_route: dict[str, list[int]] = {}
    ours = rows.filter(calculation__route__in=ROUTES).order_by()
    for pk, route in ours.values_list("pk", "calculation__route").iterator():
        by_route.setdefault(route, []).append(pk)
    usual = max(by_route, key=lambda one: (len(by_route[one]), one), default="")
    others = sorted(set(by_route) - {usual})
    if not others:
        return rows
    left_out["route"] = [pk for route in others for pk in by_route[route]]
    return rows.exclude(calculation__route__in=others)


def told_left_out(left_out: LeftOut) -> list[dict[str, Any]]:
    """For a model's row: each reason, how many spectra, and the first of them."""
    return [
        {"reason": reason, "n": len(pks), "spectra": sorted(pks)[:MOST_TOLD]}
        for reason, pks in sorted(left_out.items(), key=lambda pair: -len(pair[1]))
        if pks
    ]


def in_words(left_out: LeftOut) -> str:
    """How many for which reason, in one line."""
    return "; ".join(f"{one['n']} {REASONS[one['reason']]}" for one in told_left_out(left_out))


def _nothing(left_out: LeftOut) -> str:
    if not left_out:
        return "selects no spectrum"
    hint = " (name quantity or status to take them all the same)"
    return f"selects no spectrum to learn from: {in_words(left_out)}{hint}"
