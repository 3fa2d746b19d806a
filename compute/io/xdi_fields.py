"""What the fields of an XDI file may say, after its dictionary of metadata; breaches are told."""

from __future__ import annotations

import re

from compute.edges import normalise_element
from compute.io.raw import LIMITS, Faults
from compute.io.text import first_float, temperature_k, time_of
from compute.io.xdi_sections import XdiFile

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


def check_columns(content: XdiFile, faults: Faults) -> None:
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


def check_values(content: XdiFile, faults: Faults) -> None:
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
                f"{at(content, name)}: {text!r} is no ISO 8601 date and time such as "
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
                f"{at(content, name)}: {text!r} should be a number and a unit "
                f"({' or '.join(units)})"
            )
    text = content.text("sample.temperature")
    if text and temperature_k(text) is None:
        faults.warn(
            f"{at(content, 'sample.temperature')}: {text!r} should be a number and a unit (K or "
            "C); the temperature is left open"
        )
    text = content.text("scan.edge_energy")
    if text and first_float(text) is None:
        faults.warn(f"{at(content, 'scan.edge_energy')}: {text!r} should be a number, in eV")
    text = content.text("mono.d_spacing")
    if text is not None and d_spacing(content) is None:
        faults.warn(f"{at(content, 'mono.d_spacing')}: {text!r} should be a positive number, in Å")
    for name, valid in (
        ("element.reference", normalise_element),
        ("element.ref_edge", legal_edge),
    ):
        text = content.text(name)
        if text and valid(text) is None:
            faults.warn(f"{at(content, name)}: {text!r} is not known; it is left open")
    extensions = sorted({n.split(".")[0] for n in content.fields} - _DEFINED - {"outer"})
    if extensions and not content.applications:
        faults.warn(
            "fields of other programs (" + ", ".join(extensions[:5]) + ") are present, but line 1 "
            "names no program beside XDI"
        )


def d_spacing(content: XdiFile) -> float | None:
    found = first_float(content.fields.get("mono.d_spacing", ""))
    return found[0] if found and found[0] > 0 else None


def legal_edge(text: str) -> str | None:
    return text.strip().upper() if text.strip().upper() in _EDGES else None


def at(content: XdiFile, name: str) -> str:
    return f"line {content.lines[name]}: {content.names[name]}"


def unit_of(content: XdiFile) -> str | None:
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
