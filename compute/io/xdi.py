"""XAS Data Interchange files, XDI 1.0.

Written after the specification and its dictionary of metadata
(https://github.com/XraySpectroscopy/XAS-Data-Interchange, ``specification/``), whose sections are
named below. ``docs/formats.md`` says where the suite of test files and the text disagree.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from compute.edges import edge_energy, normalise_edge, normalise_element
from compute.errors import InputError
from compute.io.assemble import Technique, bragg_energy, spectrum
from compute.io.axis import in_ev, segments
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
    short_lines,
    temperature_k,
    time_of,
)
from compute.io.xdi_fields import (
    at,
    check_columns,
    check_values,
    d_spacing,
    legal_edge,
    unit_of,
)
from compute.io.xdi_sections import VERSION, XdiFile, split
from compute.normalise import normalise_xas
from compute.units import HC_EV_ANGSTROM

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
    content = split(short_lines(decode(data, faults), faults), faults)
    check_columns(content, faults)
    check_values(content, faults)
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
    spectra: list[RawSpectrum] = []
    parts = _scans(content, x, unit)
    if len(parts) * len(found) > LIMITS.spectra:
        raise faults.fail(f"more than {LIMITS.spectra} spectra; that is the limit")
    for rows, name_ in parts:
        for signal in found:
            part = replace(signal, values=signal.values[rows])
            one = _spectrum(content, part, x[rows], unit, element, edge, other, given, faults)
            label = ", ".join(text for text in (one.label, name_) if text)
            spectra.append(replace(one, label=label[:120]))
    return spectra


def _scans(content: XdiFile, x: FloatArray, unit: str) -> list[tuple[slice, str]]:
    """The rows of each scan with its coordinate: lines of a map that run over the same energies.

    Lines that go on where the one before ended are one scan, and so is an overlap of regions.
    """
    if content.outer_rows:
        edges = [0, *content.outer_rows, x.size]
        rows = [slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)]
        steps = [x[after.start] - x[before.stop - 1] for before, after in _followers(rows)]
        if any(step < 0 for step in steps) and any(step > 0 for step in np.diff(x)):
            name = content.fields.get("outer.name", "outer")
            values = [content.fields.get("outer.value", ""), *content.outer]
            named = zip(rows, values, strict=True)
            return [
                (part, f"{name} = {value}") for part, value in named if part.stop - part.start > 1
            ]
        return [(slice(0, x.size), "")]
    parts = segments(x) if unit == "eV" else [slice(0, x.size)]
    return [(part, f"scan {i}" if len(parts) > 1 else "") for i, part in enumerate(parts, start=1)]


def _followers(rows: list[slice]) -> list[tuple[slice, slice]]:
    full = [part for part in rows if part.stop > part.start]
    return list(zip(full[:-1], full[1:], strict=True))


def _absorber(
    content: XdiFile, given: Given, faults: Faults
) -> tuple[str | None, str | None, bool]:
    """Element, edge, and whether this is another kind of scan than absorption."""
    element = content.text("element.symbol")
    edge = content.text("element.edge")
    symbol = normalise_element(element) if element else None
    name = legal_edge(edge) if edge else None
    joined = normalise_edge(content.fields.get("spectradb.edge", ""))
    if joined:
        name = joined
    label = (content.text("column.1") or "energy").split()[0].lower()
    other = label not in ("energy", "angle", "energie") and not unit_of(content)
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
        check = normalise_element if field_name == "symbol" else legal_edge
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
                f"{at(content, f'element.{field_name}')}: {text!r} is not {what}; correct it, or "
                "give it on import"
            )
    return symbol or given.element, name or given.edge, False


def _abscissa(
    content: XdiFile, element: str | None, edge: str | None, other: bool, faults: Faults
) -> tuple[FloatArray, str]:
    """The first column in eV, or as it stands with its unit where it is no energy."""
    x = content.data[:, 0]
    text = re.sub(r"\|\|.*", "", content.fields.get("column.1", "")).split()
    label = text[0].lower() if text else (content.labels[0].lower() if content.labels else "")
    unit = unit_of(content)
    if other and unit is None:
        shown = " ".join(text) or "without a name"
        faults.warn(f"Column.1 ({shown}) is no energy: kept as it stands, in its own unit")
        return x, text[1] if len(text) > 1 else "none"
    if unit in ("degrees", "radians"):
        spacing = d_spacing(content)
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


# --- spectra ----------------------------------------------------------------------------------


def _labels(content: XdiFile) -> list[str]:
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
    content: XdiFile, labels: list[str], x: FloatArray, element: str | None, faults: Faults
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
    content: XdiFile,
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
    if content.outer and x.size == len(content.data):
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
    content: XdiFile,
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
    name = legal_edge(content.fields.get("element.ref_edge", ""))
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
        return normalise_xas(energy[keep], mu[keep]).e0_ev
    except InputError:
        return None


def _measurement(content: XdiFile) -> Measurement:
    when = content.text("scan.start_time")
    temperature = content.text("sample.temperature")
    return Measurement(
        facility=content.text("facility.name"),
        beamline=content.text("beamline.name"),
        source=content.text("facility.xray_source") or content.text("beamline.xray_source"),
        monochromator=content.text("mono.name"),
        d_spacing_angstrom=d_spacing(content),
        resolution_ev=_resolution(content),
        temperature_k=temperature_k(temperature) if temperature else None,
        sample_name=content.text("sample.name"),
        sample_formula=content.text("sample.stoichiometry") or content.text("sample.formula"),
        sample_preparation=content.text("sample.prep"),
        reference=content.text("sample.reference"),
        date=time_of(when)[0] if when else None,
    )


def _header(content: XdiFile) -> dict[str, Any]:
    header: dict[str, Any] = {content.names[name]: value for name, value in content.fields.items()}
    header["XDI version"] = content.version
    if content.applications:
        header["XDI applications"] = content.applications
    if content.comments:
        header["XDI comments"] = list(content.comments)
    return header


def _resolution(content: XdiFile) -> float | None:
    found = first_float(content.fields.get("spectradb.resolution", ""))
    return found[0] if found and found[0] > 0 else None
