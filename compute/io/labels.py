"""The labels of a table's columns, found in the header above it.

Programs write them in many ways: numbered fields (``Column.2: i0``), a numbered list over several
lines, definitions of short names (``D1 = {I0}``), one a line, or simply a line of words. A line of
words counts if it has as many as there are columns and some of them are known; one label fewer
means an index in front where the first column is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from compute.io.cells import split_labels
from compute.io.column_table import COMMENT, ColumnTable
from compute.io.raw import Faults, FloatArray
from compute.io.roles import ABSCISSAS, LONGEST_LABEL, NEVER, label_of, unit_name

_LONGEST_LINE = 20_000
_FAR = 40
NUMBERED = re.compile(r"[#%!\s]*col(?:umn)?[ ._]?(\d{1,4})\s*[:=]\s*(\S+)\s*([^|]*)", re.IGNORECASE)
_LISTED = re.compile(r"(?<!\S)(\d{1,3})\)\s+(\S.*?)(?=\s{2,}\d{1,3}\)\s|\s*$)")
_DEFINED = re.compile(r"[#;%\s]*([A-Za-z]\w{0,5})\s*=\s*\{([^{}]{1,80})\}")
_PREFIXED = re.compile(r"(?<!\S)(\d{1,3})(?:_|:\s?)(\S+(?:\s\([^()]{1,12}\))?)")


@dataclass
class Labels:
    """What the columns are called.

    Attributes
    ----------
    names : list of str
        One a column; empty where the file names none.
    units : list of str or None
        Of a line of units below the labels, ``Column.N`` fields or brackets.
    n_named : int
        How many of the names the file gives, the rest being ``column N``.
    line : str
        The line they stand on, for finding it again.
    """

    names: list[str] = field(default_factory=list)
    units: list[str | None] = field(default_factory=list)
    n_named: int = 0
    line: str = ""


def find_labels(table: ColumnTable, faults: Faults) -> Labels:
    """The labels of a table, its cells of text left out."""
    width = table.values.shape[1] + len(table.text_columns)
    header = [line for line in table.header if len(line) < _LONGEST_LINE]
    values = _with_text_columns(table, width)
    found = _special(header, width) or _line(header, width, values)
    if found is None and table.preamble:
        found = _special(table.preamble, width)
    if found is None:
        return Labels()
    _fill_up(found, width, table, faults)
    keep = [i for i in range(width) if i not in table.text_columns]
    if table.text_columns:
        dropped = ", ".join(found.names[i] or f"column {i + 1}" for i in table.text_columns)
        faults.warn(f"columns of words or time stamps are left out: {dropped}")
    units = [*found.units, *[None] * width][:width]
    found.units = [units[i] or label_of(found.names[i]).unit for i in keep]
    found.names = [found.names[i] for i in keep]
    return found


def _with_text_columns(table: ColumnTable, width: int) -> FloatArray:
    """The values with NaN where the file has cells of text, so that places agree with labels."""
    values = np.full((len(table.values), width), np.nan)
    values[:, [i for i in range(width) if i not in table.text_columns]] = table.values
    return values


def _special(header: list[str], width: int) -> Labels | None:
    for reader in (_numbered, _listed, _defined, _prefixed, _one_a_line):
        found = reader(header, width)
        if found is not None:
            return found
    return None


def _numbered(header: list[str], width: int) -> Labels | None:
    """``# Column.1: energy eV``."""
    names: dict[int, tuple[str, str]] = {}
    for line in header:
        match = NUMBERED.match(line)
        if match and 1 <= int(match.group(1)) <= width:
            names[int(match.group(1))] = (match.group(2), match.group(3).strip())
    if 1 not in names:
        return None
    labels = [names.get(i, (f"column {i}", ""))[0] for i in range(1, width + 1)]
    units = [unit_name(names.get(i, ("", ""))[1]) for i in range(1, width + 1)]
    return Labels(labels, units, len(names))


def _listed(header: list[str], width: int) -> Labels | None:
    """``1) Mono Energy *   3) I0``, over several lines, column by column."""
    names: dict[int, str] = {}
    for line in header:
        for match in _LISTED.finditer(line[:1000].strip().lstrip(COMMENT)):
            names[int(match.group(1))] = match.group(2).strip(" *")
    return _complete(names, width)


def _prefixed(header: list[str], width: int) -> Labels | None:
    """``1_Energy (keV) 2_sec 3_i0``."""
    for line in reversed(header[-5:]):
        names = {int(m.group(1)): m.group(2) for m in _PREFIXED.finditer(line)}
        found = _complete(names, width)
        if found is not None:
            found.line = line
            return found
    return None


def _defined(header: list[str], width: int) -> Labels | None:
    """``D1 = {I0} --> PV`` for each name of the last line, ``;  P1 P2 D1``."""
    meaning = {m.group(1): m.group(2).strip() for m in map(_DEFINED.match, header) if m}
    if not meaning:
        return None
    for line in reversed(header[-3:]):
        words = line.strip().lstrip(COMMENT).split()
        if len(words) == width and all(word in meaning for word in words):
            return Labels([meaning[word] for word in words], [None] * width, width, line)
    return None


def _complete(names: dict[int, str], width: int) -> Labels | None:
    if width < 2 or not set(range(1, width + 1)) <= set(names):
        return None
    labels = [names[i] for i in range(1, width + 1)]
    return Labels(labels, [label_of(label).unit for label in labels], width)


def _one_a_line(header: list[str], width: int) -> Labels | None:
    """One label a line below ``Data:``."""
    texts = [line.replace('"', "").strip().lstrip(COMMENT).strip() for line in header]
    while texts and not texts[-1]:
        texts.pop()
    marked = len(texts) > width and texts[-width - 1].lower().rstrip(":") in ("data", "columns")
    if not marked:
        return None
    return Labels(texts[-width:], [None] * width, width, header[-1] if header else "")


def _line(header: list[str], width: int, values: FloatArray) -> Labels | None:
    """The line of words that names most columns, the nearest to the table among equals."""
    lines = [line for line in header if line.strip()]
    best: tuple[float, Labels] | None = None
    for distance, line in enumerate(reversed(lines[-_FAR:])):
        words = _words_of(line, width, values)
        if not words:
            continue
        known = sum(label_of(word).role is not None for word in words if word)
        named = sum(bool(word) for word in words)
        units = _units(words)
        if units is not None and distance + 1 < len(lines[-_FAR:]):
            above = _words_of(lines[-_FAR:][-distance - 2], width, values)
            if above and len(above) == len(words):
                return Labels(above, list(units), len(above), lines[-_FAR:][-distance - 2])
        if known == 0 or (distance > 3 and (known < 3 or 2 * known < named)):
            continue
        score = known / max(named, 1) - 0.05 * distance + (0.5 if distance < 3 else 0.0)
        if best is None or score > best[0]:
            best = (score, Labels(words, [label_of(word).unit for word in words], len(words), line))
    return best[1] if best else None


def _units(words: list[str]) -> list[str | None] | None:
    """The words as units, where the whole line holds units: ``eV  counts  a.u.``"""
    units = [unit_name(word) for word in words]
    plain = {"", "a.u.", "a.u", "au", "arb.", "arb", "counts", "cts", "none", "-", "na", "v", "ma"}
    energy = any(unit in ("eV", "keV") for unit in units)
    rest = all(
        unit is not None or word.strip("()[] ").lower() in plain
        for unit, word in zip(units, words, strict=True)
    )
    lone = all(len(word.strip("()[] ")) <= 8 for word in words)
    named = any(
        label_of(word).role in ("energy",) and label_of(word).unit is None for word in words
    )
    return units if energy and rest and lone and not named else None


def _words_of(line: str, width: int, values: FloatArray) -> list[str]:
    """A line split into as many words as there are columns; one fewer with an index in front."""
    text = line.strip("\r\n")
    if not text.startswith("\t"):
        text = text.strip()
    marked = text.lstrip().startswith(tuple(COMMENT))
    text = re.sub(r"^\s*#?\s*\(\d+\)\s+(?=\")", "", text) if marked else text
    text = re.sub(r"^\s*#[LC]\s+", "", text)  # SPEC's mark of a line of labels
    # A date and a time of day are one cell, as are their labels.
    text = re.sub(r"\bdate[ \t]+time\b", "date_time", text, flags=re.IGNORECASE)
    text = text.lstrip(COMMENT + " ") if marked else text
    text = text.strip(" ") if not text.startswith("\t") else text
    for split in split_labels(width):
        words = [word[:LONGEST_LABEL].strip(" *") for word in split(text)]
        if len(words) > width and not any(words[width:]):
            words = words[:width]
        if len(words) == width and _are_words(words):
            return words
    for split in split_labels(width - 1):
        words = [word[:LONGEST_LABEL].strip(" *") for word in split(text)]
        if len(words) == width - 1 and width > 2 and _are_words(words) and all(words):
            place = _index_in_front(words, values)
            if place is not None:
                return ["index", *words] if place else [*words, ""]
    known = [word for word in text.split() if label_of(word).role is not None]
    words = text.split()
    few = 2 <= len(words) < width and label_of(words[0]).role == "energy" and len(known) > 1
    return words if few else []


def _are_words(words: list[str]) -> bool:
    if words[0].endswith((":", "=")):  # "Mode: TEY" is a field
        return False
    if label_of(words[0]).role == "energy":  # numbers behind it name a series
        return True
    numbers = sum(bool(re.fullmatch(r"[+-]?[\d.]+(?:[eE][+-]?\d+)?", word)) for word in words)
    return any(re.search(r"[^\W\d_]", word) for word in words) and numbers < max(1, len(words) / 2)


def _index_in_front(words: list[str], values: FloatArray) -> bool | None:
    """True where a nameless index stands first, False where the last column has no name.

    None where the first column could be both.
    """
    if is_index(values[:, 0]):
        return True
    energies = [i for i, word in enumerate(words) if label_of(word).role == "energy"]
    if not energies or energies[0] + 1 >= values.shape[1]:
        return None
    here, next_to_it = values[:, energies[0]], values[:, energies[0] + 1]
    fits: tuple[Callable[[FloatArray], bool], ...] = (is_monotone, could_be_energy)
    here_fits = all(test(here) for test in fits)
    next_fits = all(test(next_to_it) for test in fits)
    if here_fits != next_fits:
        return not here_fits
    return None


def is_index(x: FloatArray) -> bool:
    """0, 1, 2 … or 1, 2, 3 …"""
    if x.size < 3 or not np.isfinite(x).all() or x[0] not in (0.0, 1.0):
        return False
    return bool(np.all(np.diff(x) == 1.0))


def is_monotone(x: FloatArray) -> bool:
    """Whether nearly every step has the same sign and the values move at all."""
    good = x[np.isfinite(x)]
    if good.size < 3 or good.size < 0.5 * x.size:
        return False
    step = np.diff(good)
    ups, downs = float((step > 0).mean()), float((step < 0).mean())
    return max(ups, downs) > 0.9 and float(np.ptp(good)) > 1e-6 * float(np.abs(good).max())


def could_be_energy(x: FloatArray) -> bool:
    """Whether values could be energies in eV or keV: positive, and spread as a scan is."""
    good = x[np.isfinite(x)]
    return good.size > 2 and float(good.min()) > 1.0 and float(good.max()) < 200_000.0


def _fill_up(found: Labels, width: int, table: ColumnTable, faults: Faults) -> None:
    missing = width - len(found.names)
    if missing > 0:
        faults.warn(
            f"line {table.first_line - 1}: {len(found.names)} labels for {width} columns: the "
            f"columns after {found.names[-1]} have no name and are not used"
        )
        found.names += [f"column {i}" for i in range(len(found.names) + 1, width + 1)]
        found.units += [None] * missing


def unused_roles(name: str) -> str | None:
    """Why a column is no spectrum, in a word; None where its label does not say."""
    role = label_of(name).role
    words = {"book": "book-keeping", "fit": "derived", "current": "ring current"}
    return words.get(role, role) if role in NEVER | ABSCISSAS else None
