"""XAS Data Interchange files, XDI 1.0.

Written after the specification and its dictionary of metadata
(https://github.com/XraySpectroscopy/XAS-Data-Interchange, ``specification/``), whose sections are
named below. ``docs/formats.md`` says where the suite of test files and the text disagree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compute.edges import edge_energy, normalise_edge, normalise_element
from compute.errors import InputError
from compute.io.assemble import Technique, bragg_energy, in_ev, spectrum
from compute.io.raw import (
    LIMITS,
    Faults,
    FloatArray,
    Given,
    Measurement,
    Mode,
    Quantity,
    RawSpectrum,
    Role,
)
from compute.io.signals import Signal, signals
from compute.io.text import (
    decode,
    first_float,
    lines_of,
    number,
    table,
    temperature_k,
    time_of,
)
from compute.normalise import normalise_xas
from compute.units import HC_EV_ANGSTROM

VERSION = re.compile(r"#\s*XDI/(\d+)\.(\d+)(?:\.(\d+))?(?=\s|$)(.*)", re.ASCII | re.IGNORECASE)
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)[ \t]*:(.*)", re.ASCII)
_FIELD_END = re.compile(r"/{3,}")
_HEADER_END = re.compile(r"-{3,}")
# "Defined items in the Element namespace": L2,3 is no edge here, the generic L is.
_EDGES = {"K"} | {
    shell + str(n or "")
    for shell, last in (("L", 3), ("M", 5), ("N", 7), ("O", 7))
    for n in range(last + 1)
}
_DEFINED = {
    "facility",
    "beamline",
    "mono",
    "detector",
    "sample",
    "scan",
    "element",
    "column",
}
_RECOMMENDED = ("facility.name", "facility.xray_source", "beamline.name", "scan.start_time")
_QUANTITIES: dict[str, Quantity] = {
    "mu": "mu",
    "normalised": "normalised",
    "counts": "counts",
    "arbitrary": "arbitrary",
    "radial": "arbitrary",
}
_MODES: dict[str, Mode] = {
    "transmission": "transmission",
    "fluorescence": "fluorescence",
    "tey": "TEY",
    "eels": "EELS",
}


@dataclass
class _File:
    """A file split into its sections; names of fields in lower case."""

    fields: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # as first written
    lines: dict[str, int] = field(default_factory=dict)
    version: str = ""
    applications: str = ""
    comments: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    outer: list[str] = field(default_factory=list)
    data: FloatArray = field(default_factory=lambda: np.empty((0, 0)))

    def text(self, name: str) -> str | None:
        return self.fields.get(name) or None


def is_xdi(head: str) -> bool:
    return VERSION.match(head.lstrip("\ufeff \t\r\n")) is not None


def read(data: bytes, name: str, given: Given) -> list[RawSpectrum]:
    """The spectra of one XDI file: the sample's, and the reference channel's if there is one.

    Raises
    ------
    ReadError
        With every breach of a "must" of the specification that leaves the spectrum in doubt.
    """
    faults = Faults()
    content = _split(lines_of(decode(data, faults)), faults)
    _check_columns(content, faults)
    _check_values(content, faults)
    element, edge, other = _absorber(content, given, faults)
    if content.data.size == 0:
        faults.raise_errors()
        raise faults.fail("there is no data section: no line of numbers after the header")
    if len(content.data) < 2:
        faults.error("one line of data only; a spectrum needs at least 2 points")
    x, unit = _abscissa(content, element, edge, other, faults)
    faults.raise_errors()

    labels = _labels(content)
    found = _signals(content, labels, x, element, faults)
    if not found:
        raise faults.fail(
            "no column holds an absorption: none is labelled mutrans, mufluor, normtrans, "
            "normfluor, nor itrans or ifluor beside i0 (labels: " + " ".join(labels) + ")"
        )
    return [
        _spectrum(content, signal, x, unit, element, edge, other, given, faults) for signal in found
    ]


# --- sections -------------------------------------------------------------------------------


def _split(lines: list[str], faults: Faults) -> _File:
    content = _File()
    match = VERSION.match(lines[0].strip()) if lines else None
    if match is None:
        first = lines[0].strip()[:60] if lines else ""
        raise faults.fail(
            f"line 1: {first!r} is no XDI version line: the file must begin with '# XDI/1.0'"
        )
    content.version = ".".join(part for part in match.group(1, 2, 3) if part)
    content.applications = match.group(4).strip()
    if match.group(1) != "1":
        faults.warn(f"line 1: XDI version {content.version} is read by the rules of version 1")

    n_header = 1
    while n_header < len(lines) and lines[n_header].lstrip().startswith("#"):
        n_header += 1
    header = [
        (number, line.strip()[1:].rstrip())
        for number, line in enumerate(lines[1:n_header], start=2)
    ]
    ends = [i for i, (_, text) in enumerate(header) if _HEADER_END.match(text.strip())]
    marks = [i for i, (_, text) in enumerate(header) if _FIELD_END.match(text.strip())]
    mark = marks[0] if marks and (not ends or marks[0] < ends[-1]) else None
    # Comments may hold dashes of their own, so that with comments the last such line counts.
    end = None if not ends else (ends[-1] if mark is not None else ends[0])
    stop = mark if mark is not None else (end if end is not None else len(header))
    if mark is not None:
        content.comments = [
            text[1:] if text[:1] == " " else text for _, text in header[mark + 1 : end]
        ]
    after = header[end + 1 :] if end is not None else []
    tail = _fields(header[:stop], content, faults, has_mark=mark is not None)
    content.comments += tail
    if end is None:
        faults.warn(
            f"line {n_header}: the line '#----' that ends the header is missing; the header is "
            "taken to end where the data begin"
        )
        if content.comments:
            after = [(n_header, content.comments.pop())]
    if after:
        content.labels = after[-1][1].split()
        if len(after) > 1:
            faults.warn(
                f"line {after[0][0]}: one line of labels may stand between '#----' and the data; "
                "the last one is taken"
            )
    _rows(lines[n_header:], n_header + 1, content, faults)
    return content


def _fields(
    header: list[tuple[int, str]], content: _File, faults: Faults, *, has_mark: bool
) -> list[str]:
    """Take the field lines; the comments that stand there without a separator are returned."""
    matches = [_FIELD.fullmatch(text.strip()) for _, text in header]
    last = max((i for i, match in enumerate(matches) if match), default=-1)
    rest = [text for _, text in header[last + 1 :] if text.strip()]
    unmarked = not has_mark and any(":" not in text for text in rest)
    if unmarked:
        faults.warn(
            f"line {header[last + 1][0]}: user comments must be separated from the fields by a "
            "line '# ///': the lines from here on are taken as comments"
        )
    for i, (line, text) in enumerate(header):
        match = matches[i]
        if match is not None:
            _take(content, match, line, faults)
        elif text.strip() and not (unmarked and i > last):
            faults.error(f"line {line}: {_what_is_wrong(text.strip())}")
    return [text.strip() for _, text in header[last + 1 :]] if unmarked else []


def _take(content: _File, match: re.Match[str], line: int, faults: Faults) -> None:
    family, tag, value = match.groups()
    name = f"{family}.{tag}".lower()
    if name in content.fields and content.fields[name] != value.strip():
        faults.warn(
            f"line {line}: {family}.{tag} was already given in line {content.lines[name]}; "
            "the last one counts"
        )
    content.fields[name] = value.strip()
    content.names.setdefault(name, f"{family}.{tag}")
    content.lines[name] = line


def _what_is_wrong(text: str) -> str:
    name, colon, _ = text.partition(":")
    shown = f"{text[:60]!r} is no field 'Family.key: value'"
    if not colon:
        return f"{shown}: there is no ':' after the name"
    family, dot, key = name.strip().partition(".")
    if not dot:
        return f"{shown}: the name {name.strip()!r} before the ':' has no '.'"
    if "." in key:
        return f"{shown}: the name {name.strip()!r} has more than one '.'"
    if not family or not re.match(r"[A-Za-z]", family, re.ASCII):
        return f"{shown}: the family {family!r} must start with a letter"
    return f"{shown}: only letters, digits, '_' and '-' may stand in the name {name.strip()!r}"


def _rows(lines: list[str], first: int, content: _File, faults: Faults) -> None:
    rows: list[list[float]] = []
    width = 0
    for line, text in enumerate(lines, start=first):
        tokens = text.split()
        if not tokens:
            continue
        if tokens[0].startswith("#"):
            match = _FIELD.fullmatch(text.strip()[1:].strip())
            if match and match.group(1).lower() == "outer":
                content.outer.append(match.group(3).strip())
            else:
                faults.warn(f"line {line}: a comment among the data is left out")
            continue
        if len(rows) > LIMITS.points or len(tokens) > LIMITS.columns:
            raise faults.fail(
                f"line {line}: more than {LIMITS.points} lines or {LIMITS.columns} columns of data"
            )
        values = [number(token) for token in tokens]
        for column, (token, value) in enumerate(zip(tokens, values, strict=True), start=1):
            if value is None:
                faults.error(
                    f"line {line}, column {column}: {token[:40]!r} is no number; the data section "
                    "may hold numbers only"
                )
        width = width or len(tokens)
        if len(tokens) != width:
            faults.error(
                f"line {line}: {len(tokens)} columns, but the lines before have {width}; every "
                "line of data must have the same number"
            )
        elif None not in values:
            rows.append([value for value in values if value is not None])
    if rows:
        content.data = table(rows, faults)


# --- what the fields say ----------------------------------------------------------------------


def _check_columns(content: _File, faults: Faults) -> None:
    width = content.data.shape[1]
    numbers: list[int] = []
    for name in content.fields:
        if name.startswith("column."):
            tag = name.removeprefix("column.")
            if tag.isdecimal() and 0 < int(tag[:9]) <= LIMITS.columns:
                numbers.append(int(tag))
            else:
                faults.warn(
                    f"line {content.lines[name]}: {content.names[name]}: columns are numbered "
                    "from 1; this field is left out"
                )
    numbers.sort()
    if numbers and numbers != list(range(1, len(numbers) + 1)):
        listed = ", ".join(map(str, numbers))
        faults.warn(f"the Column fields are not numbered on from 1 without a gap: {listed}")
    if width and len(numbers) != width:
        few = "few" if len(numbers) < width else "many"
        faults.warn(
            f"{len(numbers)} Column fields for {width} columns of data: too {few} column labels"
        )
    if width and content.labels and len(content.labels) != width:
        faults.warn(
            f"the line of labels names {len(content.labels)} columns, the data have {width}"
        )


def _check_values(content: _File, faults: Faults) -> None:
    for name in _RECOMMENDED:
        if not content.text(name):
            family, tag = name.split(".")
            faults.warn(f"{family.capitalize()}.{tag} is missing; it is recommended in every file")
    for name in ("scan.start_time", "scan.end_time"):
        text = content.text(name)
        if text is None:
            continue
        when, strict = time_of(text)
        if not strict:
            read_as = f"read as {when.isoformat()}" if when else "it is not understood"
            faults.warn(
                f"{_at(content, name)}: {text!r} is no ISO 8601 date and time such as "
                f"2001-06-26T22:27:31; {read_as}"
            )
    for name, units in (
        ("facility.energy", ("gev", "mev")),
        ("facility.current", ("ma", "a")),
    ):
        text = content.text(name)
        found = first_float(text) if text else None
        if text and (found is None or found[1].lower() not in units):
            faults.warn(
                f"{_at(content, name)}: {text!r} should be a number and a unit "
                f"({' or '.join(units)})"
            )
    text = content.text("sample.temperature")
    if text and temperature_k(text) is None:
        faults.warn(
            f"{_at(content, 'sample.temperature')}: {text!r} should be a number and a unit (K or "
            "C); the temperature is left open"
        )
    text = content.text("scan.edge_energy")
    if text and first_float(text) is None:
        faults.warn(f"{_at(content, 'scan.edge_energy')}: {text!r} should be a number, in eV")
    text = content.text("mono.d_spacing")
    if text is not None and _d_spacing(content) is None:
        faults.warn(f"{_at(content, 'mono.d_spacing')}: {text!r} should be a positive number, in Å")
    for name, valid in (
        ("element.reference", normalise_element),
        ("element.ref_edge", _legal_edge),
    ):
        text = content.text(name)
        if text and valid(text) is None:
            faults.warn(f"{_at(content, name)}: {text!r} is not known; it is left open")
    extensions = sorted({n.split(".")[0] for n in content.fields} - _DEFINED - {"outer"})
    if extensions and not content.applications:
        faults.warn(
            "fields of other programs (" + ", ".join(extensions[:5]) + ") are present, but line 1 "
            "names no program beside XDI"
        )


def _absorber(content: _File, given: Given, faults: Faults) -> tuple[str | None, str | None, bool]:
    """Element, edge, and whether this is another kind of scan than absorption."""
    element = content.text("element.symbol")
    edge = content.text("element.edge")
    symbol = normalise_element(element) if element else None
    name = _legal_edge(edge) if edge else None
    joined = normalise_edge(content.fields.get("spectradb.edge", ""))
    if joined:
        name = joined
    label = (content.text("column.1") or "energy").split()[0].lower()
    other = label not in ("energy", "angle", "energie") and not _unit_of(content)
    other = other or "outer.name" in content.fields
    if element is None and edge is None and other:
        faults.warn(
            "Element.symbol and Element.edge are missing: taken as a scan other than an absorption "
            "spectrum"
        )
        return None, None, True
    for field_name, text, value, extension, known in (
        ("symbol", element, symbol, "scanparameters.element", given.element),
        ("edge", edge, name, "scanparameters.edge", given.edge),
    ):
        if value is not None:
            continue
        elsewhere = content.text(extension)
        check = normalise_element if field_name == "symbol" else _legal_edge
        found = check(elsewhere) if elsewhere and text is None else None
        if found:
            faults.warn(
                f"Element.{field_name} is missing: {found} is taken from "
                f"{content.names[extension]} in line {content.lines[extension]}"
            )
            if field_name == "symbol":
                symbol = found
            else:
                name = found
        elif known:
            faults.warn(
                f"Element.{field_name} is {'missing' if text is None else f'invalid ({text!r})'}: "
                f"{known} is taken as given"
            )
        elif text is None:
            faults.error(
                f"Element.{field_name} is missing: add '# Element.{field_name}: "
                f"{'Cu' if field_name == 'symbol' else 'K'}' to the header, or give it on import"
            )
        else:
            what = "a chemical element" if field_name == "symbol" else "an edge (K, L3, M5, L …)"
            faults.error(
                f"{_at(content, f'element.{field_name}')}: {text!r} is not {what}; correct it, or "
                "give it on import"
            )
    return symbol or given.element, name or given.edge, False


def _abscissa(
    content: _File, element: str | None, edge: str | None, other: bool, faults: Faults
) -> tuple[FloatArray, str]:
    """The first column in eV, or as it stands with its unit where it is no energy."""
    x = content.data[:, 0]
    text = re.sub(r"\|\|.*", "", content.fields.get("column.1", "")).split()
    label = text[0].lower() if text else (content.labels[0].lower() if content.labels else "")
    unit = _unit_of(content)
    if other and unit is None:
        shown = " ".join(text) or "without a name"
        faults.warn(f"Column.1 ({shown}) is no energy: kept as it stands, in its own unit")
        return x, text[1] if len(text) > 1 else "none"
    if unit in ("degrees", "radians"):
        spacing = _d_spacing(content)
        if spacing is None:
            faults.error(
                "Mono.d_spacing is missing or no number: it is required where Column.1 is an "
                "angle, since the energy follows from it; add '# Mono.d_spacing: 3.1356' (in Å)"
            )
            return x, "eV"
        degrees = np.rad2deg(x) if unit == "radians" else x
        faults.warn(f"Column.1 is an angle: converted to eV with a d-spacing of {spacing:g} Å")
        return bragg_energy(degrees, spacing, HC_EV_ANGSTROM), "eV"
    if unit in ("steps", "pixel"):
        faults.error(
            f"Column.1 is in {unit}: this cannot be converted to an energy; convert it to eV and "
            "say '# Column.1: energy eV'"
        )
        return x, "eV"
    if unit in ("eV", "keV"):
        if label != "energy":
            faults.warn(
                f"Column.1 is called {text[0]!r}; taken as the energy because of its unit {unit}"
            )
        return in_ev(x, unit, faults), "eV"
    if label == "angle":
        faults.error("Column.1: an angle needs its unit: '# Column.1: angle degrees'")
        return x, "eV"
    # No unit: only believed where the known edge lies inside.
    energy = in_ev(x, None, faults)
    start = edge_energy(element, edge) if element and edge else None
    if len(text) > 1:
        missing = f"Column.1 ({' '.join(text)}) is no energy and no angle in a unit that XDI knows"
    else:
        missing = "the unit of Column.1 is missing" if text else "Column.1 is missing"
    if start is not None and energy.min() - 200 <= start <= energy.max() + 200:
        faults.warn(
            f"{missing} (it must name the abscissa): taken as energy in eV, since the {element} "
            f"{edge} edge lies at {start:.1f} eV"
        )
    else:
        faults.error(
            f"{missing}: the header must say what the first column is, such as "
            "'# Column.1: energy eV'"
        )
    return energy, "eV"


def _unit_of(content: _File) -> str | None:
    words = re.sub(r"\|\|.*", "", content.fields.get("column.1", "")).lower().split()[1:]
    text = " ".join(words).strip("()[]")
    for unit, names in (
        ("eV", ("ev", "electron volt", "electronvolt", "electron volts")),
        ("keV", ("kev",)),
        ("degrees", ("degrees", "degree", "deg", "°", "in degrees")),
        ("radians", ("radians", "radian", "rad", "in radians")),
        ("steps", ("steps", "step", "motor steps")),
        ("pixel", ("pixel", "pixels")),
    ):
        if text in names:
            return unit
    return None


# --- spectra ----------------------------------------------------------------------------------


def _labels(content: _File) -> list[str]:
    labels: list[str] = []
    for index in range(content.data.shape[1]):
        words = re.sub(r"\|\|.*", "", content.fields.get(f"column.{index + 1}", "")).split()
        if words:
            labels.append(words[0])
        elif index < len(content.labels):
            labels.append(content.labels[index])
        else:
            labels.append(f"column {index + 1}")
    return labels


def _signals(
    content: _File, labels: list[str], x: FloatArray, element: str | None, faults: Faults
) -> list[Signal]:
    """Signals by label; for a file of ours or a scan of another kind, simply the second column."""
    if content.data.shape[1] < 2:
        raise faults.fail("there is one column of data only: an intensity is missing")
    quantity = _QUANTITIES.get(content.fields.get("spectradb.quantity", "").lower())
    if quantity is not None:
        mode = _MODES.get(content.fields.get("spectradb.mode", "").lower())
        reference = content.fields.get("spectradb.role", "").lower() == "reference"
        role: Role = "reference" if reference else "sample"
        return [Signal(content.data[:, 1], quantity, mode, role, labels[1])]
    found = signals(labels[1:], content.data[:, 1:], x, faults, element=element)
    if not found and element is None:
        faults.warn(f"the intensity is column 2 ({labels[1]}), as it stands")
        found = [Signal(content.data[:, 1], "arbitrary", None, "sample", labels[1])]
    return found


def _spectrum(
    content: _File,
    signal: Signal,
    x: FloatArray,
    unit: str,
    element: str | None,
    edge: str | None,
    other: bool,
    given: Given,
    faults: Faults,
) -> RawSpectrum:
    own = Faults()
    own.warnings = list(faults.warnings)
    label = content.text("sample.name") or ""
    eels = content.fields.get("spectradb.technique", "").upper() == "EELS"
    technique: Technique = "other" if other else ("EELS" if eels else "XAS")
    if signal.role == "reference" and "spectradb.role" not in content.fields:
        given = Given()
        label = f"reference of {label}".strip()
        element, edge = _reference_absorber(content, signal, x, element, edge, own)
    if content.fields.get("spectradb.kind", "").lower() == "theory":
        own.warn("SpectraDB.kind: this was exported from a calculation; it is no measurement")
    if content.outer:
        values = [content.fields.get("outer.value", ""), *content.outer]
        own.warn(
            f"a two-dimensional scan over {content.fields.get('outer.name', '?')} "
            f"({len(values)} values, {values[0]} to {values[-1]}): its lines are joined"
        )
    return spectrum(
        format="xdi",
        energy=x,
        intensity=signal.values,
        quantity=signal.quantity,
        element=element,
        edge=edge,
        given=given,
        faults=own,
        mode=signal.mode,
        role=signal.role,
        label=label,
        header=_header(content),
        measurement=_measurement(content),
        technique=technique,
        axis_unit=unit,
    )


def _reference_absorber(
    content: _File,
    signal: Signal,
    x: FloatArray,
    element: str | None,
    edge: str | None,
    faults: Faults,
) -> tuple[str | None, str | None]:
    """Element and edge of the reference: as the file says, else the sample's if its edge is there.

    A reference foil is normally of the element measured; this is believed only if the reference
    has an upward edge step within 20 eV of that element's edge, and it is told.
    """
    symbol = normalise_element(content.fields.get("element.reference", ""))
    name = _legal_edge(content.fields.get("element.ref_edge", ""))
    if symbol is not None:
        return symbol, name or edge
    start = edge_energy(element, edge) if element and edge else None
    found = _rise(x, signal.values) if start is not None else None
    if start is not None and found is not None and abs(found - start) <= 20:
        faults.warn(
            f"Element.reference is missing: the reference is taken as {element} {edge}, since its "
            f"edge is found at {found:.1f} eV"
        )
        return element, edge
    faults.warn("Element.reference is missing: the element of the reference is left open")
    return None, None


def _rise(x: FloatArray, y: FloatArray) -> float | None:
    """Energy of the edge of a curve as read; None if it has no edge upwards."""
    good = np.isfinite(x) & np.isfinite(y)
    order = np.argsort(x[good], kind="stable")
    energy, mu = x[good][order], y[good][order]
    keep = np.concatenate(([True], np.diff(energy) > 0)) if energy.size else good[:0]
    try:
        return normalise_xas(energy[keep], mu[keep]).e0
    except InputError:
        return None


def _measurement(content: _File) -> Measurement:
    when = content.text("scan.start_time")
    temperature = content.text("sample.temperature")
    return Measurement(
        facility=content.text("facility.name"),
        beamline=content.text("beamline.name"),
        source=content.text("facility.xray_source") or content.text("beamline.xray_source"),
        monochromator=content.text("mono.name"),
        d_spacing_angstrom=_d_spacing(content),
        resolution_ev=_resolution(content),
        temperature_k=temperature_k(temperature) if temperature else None,
        sample_name=content.text("sample.name"),
        sample_formula=content.text("sample.stoichiometry") or content.text("sample.formula"),
        sample_preparation=content.text("sample.prep"),
        reference=content.text("sample.reference"),
        date=time_of(when)[0] if when else None,
    )


def _header(content: _File) -> dict[str, Any]:
    header: dict[str, Any] = {content.names[name]: value for name, value in content.fields.items()}
    header["XDI version"] = content.version
    if content.applications:
        header["XDI applications"] = content.applications
    if content.comments:
        header["XDI comments"] = list(content.comments)
    return header


def _d_spacing(content: _File) -> float | None:
    found = first_float(content.fields.get("mono.d_spacing", ""))
    return found[0] if found and found[0] > 0 else None


def _resolution(content: _File) -> float | None:
    found = first_float(content.fields.get("spectradb.resolution", ""))
    return found[0] if found and found[0] > 0 else None


def _legal_edge(text: str) -> str | None:
    return text.strip().upper() if text.strip().upper() in _EDGES else None


def _at(content: _File, name: str) -> str:
    return f"line {content.lines[name]}: {content.names[name]}"
