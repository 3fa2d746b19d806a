"""Formulae, space groups, ions, edges and numbers as a typesetter would set them.

Every filter escapes its input and returns safe HTML; ``<sub>`` and ``<sup>``, never Unicode
subscripts, so that search and copy give the plain formula.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext

from spectradb import labels
from spectradb.elements import ELEMENTS
from spectradb.formulae import as_written, edge_text
from spectradb.words import in_words

register = template.Library()
register.filter(edge_text)

_COUNT = re.compile(r"(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)")
_SYMBOL = "|".join(sorted((one.symbol for one in ELEMENTS), key=len, reverse=True))
# Three decimals and more only before another symbol: at the end they number a scan, KMnO4.103.
_NUMBER = r"(?:\d{1,3}(?:\.(?:\d{3,9}(?=[A-Z(\[])|\d{1,2}))?)"
_FORMULA = re.compile(
    rf"(?:{_NUMBER}|[nx])?(?:(?:{_SYMBOL})(?:{_NUMBER}|[xyδ](?![a-z]))?|[()\[\]]{_NUMBER}?|[·*:-]{_NUMBER}?)+"
)
# Before a symbol or a bracket, but not just inside one: Mg{7.951}|Mn{0.12}|(SiO{4})|(OH).
_BREAK = re.compile(r"(?<=[^\s(\[])(?=[A-Z(\[])")
_LONG = 18  # signs; a shorter formula stays on its line
_EDGE = re.compile(r"(?<![A-Za-z0-9])([L-O])(\d(?:,\d)?)(?![A-Za-z0-9])")
_CHARGE = re.compile(r"^([A-Z][a-z]?)(\d*(?:\.\d+)?)([+\-−])$")
_BETWEEN_WORDS = re.compile(
    r"([ \u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]+)"
)  # Japanese has no blanks
_EDITED = re.compile(r"Edited (?!nothing)(\w+(?:, \w+)*)\.")
# No name of a file (scan.xdi:) and no symbol (pH, x).
_FIRST_WORD = re.compile(r"(?m)^[a-z]{2,}(?=[ ,])")
_MINUS = "−"


def _latin(html: str) -> SafeString:
    """Keep a translator, human or machine, off a formula."""
    return mark_safe(f'<span lang="en" translate="no">{html}</span>')  # noqa: S308 (escaped above)


@register.filter
def formula(text: str | None) -> SafeString:
    """``La0.7Sr0.3MnO3`` with its counts lowered; a number that starts a part stays up.

    Word by word, and only of words that are formulae: where a file gives none its name stands in,
    and ``NiO.010`` or ``V_1a_spot3`` keep their figures on the line. A long one may break between
    its symbols, never inside one or before its count.
    """
    return _latin(_lowered(text)) if text else mark_safe("")


@register.filter
def written(text: str | None) -> str:
    """The same as plain text, for titles of windows and links."""
    return as_written(text or "")


def _lowered(text: str) -> str:
    """Escaped HTML with the counts of each word that is a formula lowered."""
    parts = []
    for n, word in enumerate(_BETWEEN_WORDS.split(text)):
        if n % 2:
            parts.append(str(escape(word)))
            continue
        bare = word.rstrip(",.;")
        word = as_written(bare) + word[len(bare) :]
        html = str(escape(word))
        is_formula = _FORMULA.fullmatch(bare) is not None
        if is_formula and len(bare) > _LONG:
            html = _BREAK.sub("<wbr>", html)
        parts.append(_COUNT.sub(_lowered_count, html) if is_formula else html)
    return "".join(parts)


def _lowered_count(found: re.Match[str]) -> str:
    """An amount with three decimals at most: a refined occupancy has no more that mean anything."""
    amount, decimals = found[1], found[1].partition(".")[2]
    if len(decimals) > 3:
        amount = f"{float(amount):.3f}".rstrip("0").rstrip(".")
    return f"<sub>{amount}</sub>"


@register.filter
def plainly(text: str | None) -> str:
    """An error or warning in words, without names of code and commands; a sentence begins large."""
    return _FIRST_WORD.sub(lambda found: found[0].capitalize(), in_words(text or ""))


@register.filter
def format_name(key: str) -> str:
    """What people call a format of files: ``NXxas``, ``HDF5``."""
    return {"parquet": "Parquet", "nxxas": "NXxas"}.get(key, key.upper())


@register.filter
def solver(method: str) -> str:
    """How a Hamiltonian was solved."""
    return {"dense": gettext("diagonalised in full"), "lanczos": gettext("Lanczos")}.get(
        method, method
    )


@register.filter
def label(name: str) -> str:
    """What people call a column."""
    return labels.label(name)


@register.filter
def reason(text: str | None) -> str:
    """Why a row was changed, as its history keeps it."""
    if found := _EDITED.fullmatch(text or ""):
        names = ", ".join(labels.label(name) for name in found[1].split(", "))
        return gettext("Edited: %s.") % names
    return in_words(text or "")


@register.filter
def called(spectrum: Any) -> SafeString | str:
    """What a spectrum is of: its formula, typeset, else its title, else its number."""
    if spectrum.formula:
        return formula(spectrum.formula)
    return str(spectrum.title or f"SDB-{spectrum.pk}")


@register.filter
def spacegroup(symbol: str | None) -> SafeString:
    """``P2_1/c`` with its screw lowered, ``Fm-3m`` with a bar over the 3."""
    if not symbol:
        return mark_safe("")
    html = re.sub(r"_(\d)", r"<sub>\1</sub>", str(escape(symbol)))
    return _latin(re.sub(r"-(\d)", r'<span class="ov">\1</span>', html))


@register.filter
def ion(text: str | None) -> SafeString:
    """``Ni2+`` with its charge raised."""
    found = _CHARGE.match(str(text or ""))
    if not found:
        return formula(text)
    symbol, size, sign = found.groups()
    return _latin(f"{symbol}<sup>{size}{'+' if sign == '+' else _MINUS}</sup>")


@register.filter
def valence(value: float | None) -> str:
    """``2.0`` as ``2+``, ``-2`` as ``2−``, a shared charge with its decimals."""
    if value is None:
        return ""
    size = f"{abs(value):.2f}".rstrip("0").rstrip(".")
    return f"{size}{'+' if value > 0 else _MINUS if value < 0 else ''}"


@register.simple_tag
def ion_of(symbol: str, oxidation_state: float | None) -> SafeString:
    """Symbol and oxidation state as one ion; the symbol alone where the state is unknown."""
    charge = valence(oxidation_state)
    return _latin(f"{escape(symbol)}<sup>{charge}</sup>" if charge else str(escape(symbol)))


@register.filter
def edge(name: str | None) -> SafeString:
    """``L23`` as L with 2,3 lowered."""
    text = edge_text(name)
    if len(text) > 1:
        return _latin(f"{escape(text[0])}<sub>{escape(text[1:])}</sub>")
    return _latin(str(escape(text)))


@register.filter
def typeset(text: str) -> SafeString:
    """A sentence with its edges and formulae lowered: ``Ni L2,3 spectrum of NiF2``."""
    return mark_safe(_EDGE.sub(r"\1<sub>\2</sub>", _lowered(str(text))))  # noqa: S308 (escaped)


@register.filter
def polarisation(name: str) -> str:
    """``plus`` as circularly polarised light, x, y and z as they are."""
    circular = {"plus": gettext("circular, +"), "minus": gettext("circular, −")}
    return circular.get(name) or gettext(name)


@register.filter
def term(symbol: str | None) -> SafeString:
    """``3A2`` as a term symbol: multiplicity raised, index lowered."""
    found = re.fullmatch(r"(\d+)([A-Z])(\w*)", symbol or "")
    if not found:
        return mark_safe(str(escape(symbol or "")))
    return _latin(f"<sup>{found[1]}</sup>{found[2]}<sub>{found[3]}</sub>")


@register.filter
def compact(count: int) -> str:
    """A count in at most four signs: 890, 5.1k, 48k, 1.2M."""
    for size, sign in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            value = count / size
            return f"{value:.1f}{sign}" if value < 9.95 else f"{value:.0f}{sign}"
    return str(count)


@register.filter
def thousands(count: int | str | None) -> str:
    """152418 as ``152,418``; the same in every language of the site."""
    return "" if count is None or isinstance(count, str) else f"{count:,}"


@register.filter
def number(value: float | str | None, digits: int = 2) -> str:
    """A number with ``digits`` decimals and a true minus; a dash where there is none."""
    # What a template does not find arrives as an empty text.
    if value is None or isinstance(value, str) or not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", _MINUS)


@register.filter
def percent(share: float | str | None, digits: int = 0) -> str:
    """A share of 1 as ``87 %``; a dash where there is none."""
    return "–" if share is None or isinstance(share, str) else f"{number(100 * share, digits)} %"


@register.filter
def significant(value: Any, digits: int = 4) -> str:
    """A number with ``digits`` significant figures, no trailing zeros, a true minus."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    if not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        power = str(int(exponent)).replace("-", _MINUS)
        mantissa = mantissa.replace("-", _MINUS)
        return mark_safe(f"{mantissa} × 10<sup>{power}</sup>")  # noqa: S308 (numbers)
    return text.replace("-", _MINUS)


@register.simple_tag
def plus_minus(value: float | None, error: float | None, least: int = 2) -> str:
    """``853.39 ± 0.01``: the error to one or two figures, the value to the same decimal."""
    if value is None:
        return "–"
    if error is None or not 0 < error < 1e29:  # the data do not bound it, or it is exact
        return number(value, least)
    power = math.floor(math.log10(error))
    figures = 1 if error / 10.0**power < 2 else 0  # a leading 1 keeps a second figure
    decimals = max(0, min(6, figures - power))
    return f"{number(value, decimals)} ± {error:.{decimals}f}"


@register.filter
def seconds(value: float | None) -> str:
    """A run time as people say it."""
    if value is None:
        return "–"
    if value < 0.095:
        return f"{value * 1000:.0f} ms"
    if value < 10:
        return f"{value:.2g} s"
    if value < 120:
        return f"{value:.0f} s"
    if value < 7200:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h"


@register.filter
def filesize(n_bytes: int | None) -> str:
    """Bytes as kB, MB or GB, of 1000."""
    if n_bytes is None:
        return "–"
    if n_bytes < 1_000:
        return f"{n_bytes} B"
    if n_bytes < 1_000_000:
        return f"{n_bytes / 1_000:.0f} kB"
    if n_bytes < 1_000_000_000:
        return f"{n_bytes / 1_000_000:.1f} MB"
    return f"{n_bytes / 1_000_000_000:.1f} GB"


@register.filter
def ago(moment: datetime | None) -> str:
    """``2 h ago``, ``yesterday``, ``3 days ago``, then the date."""
    if moment is None:
        return "–"
    age = (timezone.now() - moment).total_seconds()
    if age < 60:
        return gettext("just now")
    if age < 3600:
        return gettext("%(n)d min ago") % {"n": age // 60}
    if age < 86_400:
        return gettext("%(n)d h ago") % {"n": age // 3600}
    days = int(age // 86_400)
    if days == 1:
        return gettext("yesterday")
    if days < 30:
        return ngettext("%(n)d day ago", "%(n)d days ago", days) % {"n": days}
    return moment.date().isoformat()


@register.filter
def short_hash(text: str | None) -> str:
    """The first eight and last four signs of a digest."""
    return "" if not text else text if len(text) <= 14 else f"{text[:8]}…{text[-4:]}"


@register.simple_tag
def sparkline(path: str, kind: str) -> SafeString:
    """The stored path as a small picture; a line for theory, dots for experiment."""
    if not path:
        return mark_safe("")
    return format_html(
        '<svg class="spark {}" viewBox="0 0 256 56" aria-hidden="true"><path d="{}"/></svg>',
        kind,
        path,
    )


@register.simple_tag(takes_context=True)
def with_query(context: template.Context, *drop: str, **change: str | int | None) -> str:
    """This page's query string with some parameters changed; a new search starts at page 1."""
    query = context["request"].GET.copy()
    for name in (*drop, "page"):
        query.pop(name, None)
    for name, value in change.items():
        query.pop(name, None)
        if value not in (None, ""):
            query[name] = str(value)
    return f"?{query.urlencode()}"


def _ordering(context: template.Context) -> str:
    return str(context["request"].GET.get("ordering", ""))


@register.simple_tag(takes_context=True)
def sort_address(context: template.Context, key: str) -> str:
    """This page's query string, ordered by a column; the other way round where it is already."""
    down = _ordering(context) == key
    return str(with_query(context, ordering=f"-{key}" if down else key))


@register.simple_tag(takes_context=True)
def sorted_by(context: template.Context, key: str) -> SafeString:
    """``aria-sort`` of a column's head, where the page is ordered by it."""
    way = {key: "ascending", f"-{key}": "descending"}.get(_ordering(context))
    return format_html(' aria-sort="{}"', way) if way else mark_safe("")


@register.filter
def rich(text: str) -> SafeString:
    """The plots' markup as HTML: ``_{…}`` lowered, ``^{…}`` raised, ``~{…}`` underlined."""
    html = re.sub(r"_\{([^}]*)\}", r"<sub>\1</sub>", str(escape(text)))
    html = re.sub(r"~\{([^}]*)\}", r"<u>\1</u>", html)
    return mark_safe(re.sub(r"\^\{([^}]*)\}", r"<sup>\1</sup>", html))  # noqa: S308 (escaped above)


@register.filter
def raised(number_: int) -> str:
    """A whole number in superscript signs, for ``<option>``, which holds no markup."""
    return str(number_).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


@register.filter
def tr(word: Any) -> str:
    """A word that the tables keep in English (a status, a shape), in the reader's language."""
    text = str(word or "")
    return gettext(text) if text else ""
