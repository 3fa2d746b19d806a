"""From an OPTIMADE filter to a condition on structures."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from datetime import UTC, timedelta
from functools import lru_cache, reduce
from operator import and_, or_
from typing import Any

from django.db.models import CharField, Exists, OuterRef, Q
from django.db.models.functions import Cast
from django.utils.dateparse import parse_datetime

from spectradb.api.optimade.grammar import (
    Comparison,
    FilterError,
    Junction,
    Node,
    Not,
    NotImplementedFilter,
    Value,
)
from spectradb.filters.chemistry import SYMBOLS, reduced_formula
from spectradb.models import Structure, StructureElement

PREFIX = "_spectradb_"
_LOOKUPS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "=": "exact"}
_TEXT_LOOKUPS = {"CONTAINS": "contains", "STARTS": "startswith", "ENDS": "endswith"}
_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_PARTS: dict[str, Callable[[str, str], bool]] = {
    "CONTAINS": operator.contains, "STARTS": str.startswith, "ENDS": str.endswith,
}  # fmt: skip
_NEVER = Q(pk__isnull=True)
_ALWAYS = Q(pk__isnull=False)
_NUMBERS = {
    "nelements": "n_elements",
    "nsites": "n_sites",
    f"{PREFIX}space_group_number": "space_group_number",
    f"{PREFIX}volume": "volume",
    f"{PREFIX}density": "density",
    f"{PREFIX}energy_above_hull": "energy_above_hull",
}
_COUNTS = {"n_elements", "n_sites", "space_group_number"}
_TEXTS = {
    "immutable_id": "content_hash",
    "chemical_formula_descriptive": "formula",
    f"{PREFIX}source": "source",
    f"{PREFIX}source_id": "source_id",
    f"{PREFIX}crystal_system": "crystal_system",
}
_CONSTANT: dict[str, Value] = {"type": "structures", "nperiodic_dimensions": 3}
_UNSUPPORTED = {
    "chemical_formula_hill", "dimension_types", "lattice_vectors", "cartesian_site_positions",
    "species", "species_at_sites", "assemblies", "space_group_it_number", "space_group_symbol_hall",
    "space_group_symbol_hermann_mauguin", "space_group_symbol_hermann_mauguin_extended",
    "space_group_symmetry_operations_xyz", "site_coordinate_span", "wyckoff_positions",
    "fractional_site_positions", "site_coordinate_span_description", "optimization_type",
}  # fmt: skip


def condition(node: Node) -> Q:
    """The rows that a filter asks for.

    Raises
    ------
    FilterError
        Unknown property, or a value of the wrong type.
    NotImplementedFilter
        A property or an operator that cannot be searched here.
    """
    if isinstance(node, Not):
        return ~condition(node.inner)
    if isinstance(node, Junction):
        found = condition(node.parts[0])
        for part in node.parts[1:]:
            found = found & condition(part) if node.kind == "AND" else found | condition(part)
        return found
    return _compare(node)


def _compare(node: Comparison) -> Q:
    if node.name in _NUMBERS:
        return _on_number(node, _NUMBERS[node.name])
    if node.name in _TEXTS:
        return _on_text(node, _TEXTS[node.name])
    if node.name in _SPECIAL:
        return _SPECIAL[node.name](node)
    if node.name in _CONSTANT:
        return _on_constant(node, _CONSTANT[node.name])
    if node.name in _UNSUPPORTED:
        raise NotImplementedFilter(f"{node.name} cannot be searched here")
    if node.name.startswith("_") and not node.name.startswith(PREFIX):
        return _ALWAYS if node.operator == "UNKNOWN" else _NEVER  # another provider's property
    raise FilterError(f"there is no property {node.name}")


def _on_number(node: Comparison, column: str) -> Q:
    if node.operator in {"KNOWN", "UNKNOWN"}:
        return Q(**{f"{column}__isnull": node.operator == "UNKNOWN"})
    if node.operator not in {*_LOOKUPS, "!="}:
        raise NotImplementedFilter(f"{node.operator} does not apply to the number {node.name}")
    value = node.values[0]
    if isinstance(value, str):
        raise FilterError(f"{node.name} is a number, {value!r} is not")
    value = _whole(value)
    if column in _COUNTS and isinstance(value, float):
        return _on_fraction(node.operator, column, value)
    if node.operator == "!=":
        return Q(**{f"{column}__isnull": False}) & ~Q(**{column: value})
    return Q(**{f"{column}__{_LOOKUPS[node.operator]}": value})


def _on_fraction(relation: str, column: str, value: float) -> Q:
    """A whole number against 2.5, which Django would cut to 2."""
    if relation == "=":
        return _NEVER
    if relation == "!=":
        return Q(**{f"{column}__isnull": False})
    lookup = "lt" if relation.startswith("<") else "gte"
    return Q(**{f"{column}__{lookup}": math.ceil(value)})


def _whole(value: int | float) -> int | float:
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else value


def _on_text(node: Comparison, column: str) -> Q:
    if node.operator in {"KNOWN", "UNKNOWN"}:
        empty = Q(**{column: ""})
        return empty if node.operator == "UNKNOWN" else ~empty
    text = _string(node)
    if node.operator in _TEXT_LOOKUPS:
        return Q(**{f"{column}__{_TEXT_LOOKUPS[node.operator]}": text})
    if node.operator == "!=":
        return ~Q(**{column: text})
    if node.operator in _LOOKUPS:
        return Q(**{f"{column}__{_LOOKUPS[node.operator]}": text})
    raise NotImplementedFilter(f"{node.operator} does not apply to the text {node.name}")


def _string(node: Comparison) -> str:
    value = node.values[0]
    if not isinstance(value, str):
        raise FilterError(f"{node.name} is a text; write the value in double quotes")
    if "\x00" in value:
        raise FilterError(f"{node.name}: null characters are not allowed")
    return value


def _on_constant(node: Comparison, constant: Value) -> Q:
    """The same of every structure, so that the comparison holds for all or for none."""
    if node.operator in {"KNOWN", "UNKNOWN"}:
        return _ALWAYS if node.operator == "KNOWN" else _NEVER
    value = node.values[0]
    if isinstance(value, str) != isinstance(constant, str):
        raise FilterError(f"{node.name} cannot be compared with {value!r}")
    compare = {**_RELATIONS, **(_PARTS if isinstance(constant, str) else {})}.get(node.operator)
    if compare is None:
        raise NotImplementedFilter(f"{node.operator} does not apply to {node.name}")
    return _ALWAYS if compare(constant, value) else _NEVER


def _on_id(node: Comparison) -> Q:
    """Our number, which the standard compares as text."""
    if node.operator in {"KNOWN", "UNKNOWN"}:
        return _ALWAYS if node.operator == "KNOWN" else _NEVER
    text = _string(node)
    if node.operator in {"=", "!="}:
        same = Q(pk=int(text)) if re.fullmatch(r"[1-9][0-9]{0,17}", text) else _NEVER
        return same if node.operator == "=" else ~same
    lookups = {**_TEXT_LOOKUPS, **_LOOKUPS}
    if node.operator not in lookups:
        raise NotImplementedFilter(f"{node.operator} does not apply to id")
    rows = Structure.objects.annotate(text=Cast("pk", CharField()))
    return Q(pk__in=rows.filter(**{f"text__{lookups[node.operator]}": text}).values("pk"))


def _on_time(node: Comparison) -> Q:
    if node.operator in {"KNOWN", "UNKNOWN"}:
        return _ALWAYS if node.operator == "KNOWN" else _NEVER
    try:
        when = parse_datetime(_string(node))
        after = None if when is None else when.astimezone(UTC) + timedelta(seconds=1)
    except (ValueError, OverflowError):  # OverflowError: outside the years 1 to 9999
        when = after = None
    if when is None or after is None or when.tzinfo is None:
        raise FilterError(f"{node.name} is a time such as 2026-11-30T12:00:00Z")
    # It is told in whole seconds, so it is compared in whole seconds.
    same = Q(updated__gte=when, updated__lt=after)
    conditions = {
        "=": same,
        "!=": ~same,
        "<": Q(updated__lt=when),
        "<=": Q(updated__lt=after),
        ">": Q(updated__gte=after),
        ">=": Q(updated__gte=when),
    }
    if node.operator not in conditions:
        raise NotImplementedFilter(f"{node.operator} does not apply to {node.name}")
    return conditions[node.operator]


def _on_ratios(node: Comparison) -> Q:
    """``elements_ratios``: a fraction is met within 10⁻⁶."""
    if node.operator in {"KNOWN", "UNKNOWN"} or node.operator.startswith("LENGTH "):
        return _on_elements(node)
    if not node.operator.startswith("HAS "):
        raise NotImplementedFilter(f"{node.operator} does not apply to {node.name}")
    if wrong := [str(value) for value in node.values if isinstance(value, str)]:
        raise FilterError(f"{node.name}: {', '.join(wrong)} is no number")
    rows = StructureElement.objects.filter(structure=OuterRef("pk"))
    near = [_near(float(value)) for value in node.values]
    anyone = reduce(or_, near)
    if node.operator == "HAS ANY":
        return Q(Exists(rows.filter(anyone)))
    if node.operator == "HAS ONLY":
        return ~Q(Exists(rows.exclude(anyone)))
    return reduce(and_, (Q(Exists(rows.filter(one))) for one in near))


def _near(fraction: float) -> Q:
    return Q(fraction__gt=fraction - 1e-6, fraction__lt=fraction + 1e-6)


def _on_features(node: Comparison) -> Q:
    """``structure_features``: an empty list of every structure."""
    if node.operator in {"KNOWN", "UNKNOWN"}:
        return _ALWAYS if node.operator == "KNOWN" else _NEVER
    if node.operator.startswith("LENGTH "):
        relation = node.operator.removeprefix("LENGTH ")
        return _on_constant(Comparison(node.name, relation, node.values), 0)
    if not node.operator.startswith("HAS "):
        raise NotImplementedFilter(f"{node.operator} does not apply to {node.name}")
    return _ALWAYS if node.operator == "HAS ONLY" else _NEVER


def _on_elements(node: Comparison) -> Q:
    if node.operator in {"KNOWN", "UNKNOWN"}:
        return _ALWAYS if node.operator == "KNOWN" else _NEVER
    if node.operator.startswith("LENGTH "):
        relation = node.operator.removeprefix("LENGTH ")
        return _on_number(Comparison("elements", relation, node.values), "n_elements")
    if not node.operator.startswith("HAS "):
        raise NotImplementedFilter(f"{node.operator} is not implemented for elements")
    symbols = [str(value) for value in node.values]
    if wrong := [s for s, v in zip(symbols, node.values, strict=True) if not isinstance(v, str)]:
        raise FilterError(f"elements: {', '.join(wrong)} is no text")
    known = [one for one in symbols if one in SYMBOLS]
    rows = StructureElement.objects.filter(structure=OuterRef("pk"))
    if node.operator == "HAS ANY":
        return Q(Exists(rows.filter(element__in=known)))
    if node.operator == "HAS ONLY":
        return ~Q(Exists(rows.exclude(element__in=known)))
    if len(known) < len(symbols):
        return _NEVER
    found = _ALWAYS
    for one in known:
        found &= Q(Exists(rows.filter(element=one)))
    return found


def _on_formula(node: Comparison) -> Q:
    """``chemical_formula_reduced``: elements in alphabetical order, e.g. ``O2Ti``."""
    if node.operator in {"KNOWN", "UNKNOWN"}:
        return _ALWAYS if node.operator == "KNOWN" else _NEVER
    text = _string(node)
    if node.operator not in {"=", "!="}:
        return _among(node, "formula", alphabetical)
    try:
        same = Q(formula=reduced_formula(text)) if _is_optimade_formula(text) else _NEVER
    except ValueError:
        same = _NEVER
    return same if node.operator == "=" else ~same


def _among(node: Comparison, column: str, written: Callable[[str], str]) -> Q:
    """Stored texts that hold the comparison as the standard writes them, which no column does."""
    compare = {**_RELATIONS, **_PARTS}.get(node.operator)
    if compare is None:
        raise NotImplementedFilter(f"{node.operator} does not apply to {node.name}")
    stored = Structure.objects.order_by().values_list(column, flat=True).distinct()
    return Q(**{f"{column}__in": [one for one in stored if compare(written(one), node.values[0])]})


@lru_cache(maxsize=200_000)
def alphabetical(formula: str) -> str:
    """``TiO2`` as ``O2Ti``."""
    from pymatgen.core import Composition

    counts = Composition(formula).get_el_amt_dict()
    return "".join(
        symbol + (f"{counts[symbol]:g}" if counts[symbol] != 1 else "") for symbol in sorted(counts)
    )


def _is_optimade_formula(text: str) -> bool:
    symbols = re.findall(r"[A-Z][a-z]?", text)
    return bool(re.fullmatch(r"(?:[A-Z][a-z]?(?:[2-9]|[1-9]\d+)?)+", text)) and symbols == sorted(
        set(symbols)
    )


def _on_anonymous(node: Comparison) -> Q:
    """``chemical_formula_anonymous``: A is the most frequent, so A2B is our AB2."""
    if node.operator in {"KNOWN", "UNKNOWN"}:
        return _ALWAYS if node.operator == "KNOWN" else _NEVER
    text = _string(node)
    if node.operator not in {"=", "!="}:
        return _among(node, "formula_anonymous", _turned)
    same = Q(formula_anonymous=_turned(text)) if _is_anonymous(text) else _NEVER
    return same if node.operator == "=" else ~same


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _is_anonymous(text: str) -> bool:
    parts = re.findall(r"([A-Z])(\d*)", text)
    counts = [int(n or 1) for _, n in parts]
    return (
        bool(re.fullmatch(r"(?:[A-Z](?:[2-9]|[1-9]\d{1,5})?)+", text))
        and "".join(letter for letter, _ in parts) == _LETTERS[: len(parts)]
        and counts == sorted(counts, reverse=True)
    )


def _turned(text: str) -> str:
    """``A2B`` as ``AB2`` and back: counts in the other order."""
    counts = [n for _, n in re.findall(r"([A-Z])(\d*)", text)]
    return "".join(a + n for a, n in zip(_LETTERS, reversed(counts), strict=False))


_SPECIAL: dict[str, Callable[[Comparison], Q]] = {
    "id": _on_id,
    "last_modified": _on_time,
    "elements": _on_elements,
    "elements_ratios": _on_ratios,
    "structure_features": _on_features,
    "chemical_formula_reduced": _on_formula,
    "chemical_formula_anonymous": _on_anonymous,
}


def anonymous_formula(row: Structure) -> str:
    """As OPTIMADE writes it, the most frequent first."""
    return _turned(row.formula_anonymous)
