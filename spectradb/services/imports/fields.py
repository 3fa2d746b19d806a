"""Fields of a measured spectrum as the database keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings

from compute.io import RawSpectrum


def axis_field(raw: RawSpectrum) -> dict[str, str]:
    """The unit of an abscissa that is no energy."""
    return {} if raw.axis_unit == "eV" else {"axis_unit": raw.axis_unit}


def monochromator_of(raw: RawSpectrum) -> str | None:
    """Its name and spacing."""
    m = raw.measurement
    if m.d_spacing_angstrom is None:
        return m.monochromator
    return f"{m.monochromator or ''} d = {m.d_spacing_angstrom:g} Å".strip()


def formula_of(formula: str | None, name: str | None) -> str:
    """The reduced formula where the file gives one; a sample's name that is a formula counts."""
    from pymatgen.core import Composition

    for text in (formula, name):
        # A name with blanks is words, even where pymatgen would find elements in it.
        if not text or not text.strip().isalnum():
            continue
        try:
            reduced = Composition(text.strip()).reduced_formula
        # pymatgen raises whatever its tokenizer meets: KeyError, ValueError, TypeError …
        except Exception:
            continue
        if len(reduced) <= 120 and "0+" not in reduced:
            return str(reduced)
    return short_text(formula, 120)


def stored_date(when: datetime | None) -> datetime | None:
    """A date with or without its zone, as the site keeps them."""
    if when is None:
        return None
    return when if settings.USE_TZ else when.replace(tzinfo=None)


def short_text(text: str | None, length: int) -> str:
    """At most so many characters."""
    return plain_text(text)[:length]


def plain_text(text: str | None) -> str:
    """Without NUL, which PostgreSQL refuses."""
    return (text or "").replace("\x00", "").strip()


def plain_json(value: Any) -> Any:
    """JSON without NUL, NaN and infinities, which databases refuse."""
    if isinstance(value, dict):
        return {plain_text(str(key)): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, float) and not (abs(value) < float("inf")):
        return str(value)
    return value if isinstance(value, int | float | bool) or value is None else str(value)
