"""What the header of a text table says: its fields, absorber, sample, measurement and title."""

from __future__ import annotations

import re
from pathlib import PurePath

from compute.edges import normalise_edge, normalise_element
from compute.io.column_table import ColumnTable
from compute.io.labels import NUMBERED, Labels
from compute.io.raw import Faults, Measurement
from compute.io.roles import role_of
from compute.io.text import first_float, temperature_k, time_of

_PAIR = re.compile(r"[#%!;*/\s]*([A-Za-z][\w. -]{0,40}?)\s*[:=]\s*(\S.*)", re.ASCII)
_SCAN = re.compile(r"#S\s+(\d+)\s*(.{0,60})")


def title_of(table: ColumnTable, labels: Labels, several: bool) -> str:
    """What the lines above one table of several call it."""
    if not several:
        return ""
    for line in reversed(table.header[-60:]):
        scan = _SCAN.match(line.strip())
        if scan:
            return f"scan {scan.group(1)} {scan.group(2)}".strip()
    for line in reversed(table.header[-6:]):
        text = line.strip().strip('#%!;*/ -=_"').strip()
        if not text or line == labels.line or _PAIR.match(text) or role_of(text.split()[0]):
            continue
        if re.search(r"[^\W\d_]{2}", text):
            return text[:60]
    return f"line {table.first_line}"


def fields_of(header: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in header[:2000]:
        match = _PAIR.match(line[:500])
        if match and not NUMBERED.match(line):
            fields[match.group(1).strip()] = match.group(2).strip()
    return fields


def absorber_of(fields: dict[str, str], faults: Faults) -> tuple[str | None, str | None]:
    element = edge = None
    for name, value in fields.items():
        key = re.sub(r"^absorb(?:er|ing) ", "", name.lower().split(".")[-1])
        if key in ("element", "atom", "absorber", "symbol") and element is None:
            element = normalise_element(value)
            if element is None:
                faults.warn(f"header field {name}: {value[:40]!r} is no symbol of an element")
        if key == "edge" and edge is None:
            edge = normalise_edge(value)
            if edge is None:
                faults.warn(f"header field {name}: {value[:40]!r} is no name of an edge")
    return element, edge


def is_eels(names: list[str], header: list[str], name: str) -> bool:
    text = " ".join([*names, *(line[:500] for line in header[:50])]).lower()
    said = re.search(r"\beels\b|\belnes\b|energy[ _-]?loss", text) is not None
    return said or name.lower().endswith((".msa", ".ems"))


def label_of_file(fields: dict[str, str], name: str) -> str:
    lower = {key.lower(): value for key, value in fields.items()}
    for key in ("sample.name", "name", "sample", "title"):
        if lower.get(key):
            return lower[key]
    return PurePath(name).stem


def measurement_of(fields: dict[str, str]) -> Measurement:
    lower = {key.lower(): value for key, value in fields.items()}

    def text(*keys: str) -> str | None:
        return next((lower[key] for key in keys if lower.get(key)), None)

    temperature = text("sample.temperature", "temperature", "temp")
    when = text("scan.start_time", "date", "start_time")
    spacing = first_float(text("mono.d_spacing", "d_spacing") or "")
    return Measurement(
        facility=text("facility.name", "facility"),
        beamline=text("beamline.name", "beamline", "beam"),
        monochromator=text("mono.name", "mono", "monochromator"),
        d_spacing_angstrom=spacing[0] if spacing and spacing[0] > 0 else None,
        temperature_k=temperature_k(temperature) if temperature else None,
        sample_name=text("sample.name", "name", "sample"),
        sample_formula=text("sample.formula", "sample.stoichiometry", "formula"),
        sample_preparation=text("sample.prep", "prep"),
        reference=text("sample.reference", "ref"),
        date=time_of(when)[0] if when else None,
    )
