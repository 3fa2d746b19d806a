"""Athena project files: Perl's Data::Dumper text (gzipped or plain) and JSON, one group a spectrum.

Athena stores the energies as measured and beside them the shift that a person chose to calibrate
or align the group (``bkg_eshift``). The shift is added, as Athena does when it shows the group;
it is told and kept in the header.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from compute.edges import edge_energy, edges_within, normalise_edge, normalise_element
from compute.errors import ReadError, SkipFile
from compute.io.assemble import spectrum
from compute.io.perl import PerlSyntaxError, pairs, parse_list_at
from compute.io.raw import LIMITS, Faults, FloatArray, Given, Measurement, Quantity, RawSpectrum
from compute.io.text import decode, lines_of, number

_GROUP = r"[ \t]*\$old_group\s*=\s*['\"]([^'\"\n]*)['\"]"
_STATEMENT = re.compile(rf"^(?:{_GROUP}|[ \t]*([$@%])(\w+)\s*=\s*)", re.MULTILINE)
# Whole-word flags of Athena; a group of one of these kinds is no measured mu(E).
_OTHER_KINDS = {
    "is_chi": "chi(k)",
    "is_rsp": "a transform to R space",
    "is_qsp": "a back-transform",
    "is_fit": "a fit",
}


@dataclass
class _Group:
    """One group as stored: its arguments and arrays."""

    name: str
    line: int
    args: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, FloatArray] = field(default_factory=dict)


def is_athena(head: str) -> bool:
    start = head.lstrip()
    if start.startswith("{"):
        return "Athena project file" in head or '"_____header1"' in head
    return "Athena project file" in head[:400] or re.match(r"\s*\$old_group\s*=", head) is not None


def read(data: bytes, name: str, given: Given) -> list[RawSpectrum]:
    """Every mu(E) group of the project.

    Raises
    ------
    ReadError
        If the file is broken, or no group can be read.
    SkipFile
        If it holds chi(k) and the like only.
    """
    faults = Faults()
    text = decode(data, faults)
    is_json = text.lstrip().startswith("{")
    groups = _json_groups(text, faults) if is_json else _perl_groups(text, faults)
    if not groups:
        raise faults.fail("this Athena project holds no group with data")
    if len(groups) > LIMITS.spectra:
        raise faults.fail(f"{len(groups)} groups; the limit is {LIMITS.spectra}")
    shared = Faults()
    shared.warnings = list(faults.warnings)
    spectra: list[RawSpectrum] = []
    skipped: list[str] = []
    for group in groups:
        label = _label(group)
        kind = _other_kind(group)
        if kind:
            skipped.append(f"group {label!r} is {kind}, not a spectrum over energy: left out")
            continue
        try:
            spectra.append(_spectrum(group, label, given, shared))
        except ReadError as error:
            faults.errors += [f"group {label!r}: {text}" for text in error.errors]
    if not spectra:
        faults.raise_errors()
        raise SkipFile("; ".join(skipped))
    spectra = _doubt_rivals(spectra)
    notes = (*skipped, *(f"left out: {text}" for text in faults.errors))
    return [_with_notes(spectra[0], notes), *spectra[1:]]


def _with_notes(first: RawSpectrum, notes: tuple[str, ...]) -> RawSpectrum:
    return replace(first, warnings=(*first.warnings, *notes)) if notes else first


# --- storage ----------------------------------------------------------------------------------


def _perl_groups(text: str, faults: Faults) -> list[_Group]:
    """The groups, statement by statement: a list may run over several lines."""
    text = "\n".join(lines_of(text))
    groups: list[_Group] = []
    position, line, counted, counted_values = 0, 1, 0, 0
    while match := _STATEMENT.search(text, position):
        position = match.end()
        line += text.count("\n", counted, match.start())
        counted = match.start()
        if match.group(1) is not None:
            groups.append(_Group(match.group(1), line))
            if len(groups) > LIMITS.spectra:
                raise faults.fail(f"more than {LIMITS.spectra} groups; that is the limit")
            continue
        key = match.group(3)
        known = ("args", "x", "y", "i0", "signal", "stddev", "xdi")
        if match.group(2) != "@" or not groups or key not in known:
            continue
        try:
            most = LIMITS.header_lines if key == "args" else LIMITS.points
            values, position = parse_list_at(text, match.end(), most)
        except PerlSyntaxError as error:
            faults.error(f"line {line}: @{key} of group {groups[-1].name!r} is broken: {error}")
            continue
        counted_values += len(values)
        if counted_values > LIMITS.values:
            raise faults.fail(f"line {line}: more than {LIMITS.values} values; that is the limit")
        if key == "args":
            groups[-1].args = pairs(values)
        elif key != "xdi":
            groups[-1].arrays[key] = _array(values, f"line {line}: @{key}", faults)
    return [group for group in groups if group.args or group.arrays]


def _json_groups(text: str, faults: Faults) -> list[_Group]:
    if len(text) > LIMITS.json_bytes:
        raise faults.fail(
            f"{len(text) / 2**20:.0f} MiB of JSON; the limit is {LIMITS.json_bytes / 2**20:.0f} MiB"
        )
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise faults.fail(f"this Athena project is no valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise faults.fail("this Athena project holds no object of groups")
    order = content.get("_____order")
    names = [n for n in order if isinstance(n, str)] if isinstance(order, list) else []
    names += [n for n in content if n not in names and not n.startswith("_____")]
    groups: list[_Group] = []
    for name in names:
        stored = content.get(name)
        if not isinstance(stored, dict):
            continue
        args = stored.get("args")
        if isinstance(args, list):
            args = pairs(args)
        group = _Group(name, 0, args if isinstance(args, dict) else {})
        for key in ("x", "y", "i0", "signal", "stddev"):
            values = stored.get(key)
            if isinstance(values, list):
                group.arrays[key] = _array(values, f"group {name!r}: {key}", faults)
        if group.args or group.arrays:
            groups.append(group)
    return groups


def _array(values: list[Any], where: str, faults: Faults) -> FloatArray:
    if len(values) > LIMITS.points:
        raise faults.fail(f"{where}: {len(values)} points; the limit is {LIMITS.points}")
    numbers: list[float] = []
    for index, value in enumerate(values):
        found = None if isinstance(value, bool) else number(str(value).strip())
        if found is None:
            faults.warn(f"{where}: value {index + 1} ({str(value)[:30]!r}) is no number")
            found = float("nan")
        numbers.append(found)
    return np.array(numbers, dtype=np.float64)


# --- one group --------------------------------------------------------------------------------


def _spectrum(group: _Group, label: str, given: Given, shared: Faults) -> RawSpectrum:
    faults = Faults()
    faults.warnings = list(shared.warnings)
    x, y = group.arrays.get("x"), group.arrays.get("y")
    if x is None or y is None:
        missing = "@x (energy)" if x is None else "@y (mu)"
        raise faults.fail(f"{missing} is missing")
    quantity: Quantity = "mu"
    if _flag(group, "is_nor") or group.args.get("datatype") == "norm":
        quantity = "normalised"
    for flag, what in (
        ("is_bkg", "a background function"),
        ("is_diff", "a difference spectrum"),
        ("is_xmudat", "calculated with FEFF"),
    ):
        if _flag(group, flag):
            quantity = quantity if flag == "is_xmudat" else "arbitrary"
            faults.warn(f"Athena marks this group as {what} ({flag}): not a measured mu(E)")
    calculated = _flag(group, "is_xmudat") or group.args.get("datatype") == "xmudat"
    if _flag(group, "is_kev") and np.nanmax(x, initial=0.0) < 150:
        faults.warn("is_kev: the energies are in keV: converted to eV")
        x = x * 1000.0
    shift = number(str(group.args.get("bkg_eshift") or "0"))
    if shift and np.isfinite(shift):
        faults.warn(
            f"bkg_eshift: the energies are shifted by {shift:+.6g} eV, as they are in Athena"
        )
        x = np.where(x > 0, x + shift, x)  # zeros are padding
    element, edge = _absorber(group, x, faults)
    reference = _is_reference(group, label)
    return spectrum(
        format="athena",
        energy=x,
        intensity=y,
        quantity=quantity,
        element=element,
        edge=edge,
        given=Given() if reference else given,
        faults=faults,
        role="reference" if reference else "sample",
        label=label,
        header={"group": group.name, **{k: _plain(v) for k, v in group.args.items()}},
        measurement=_measurement(group, label),
        kind="theory" if calculated else "experiment",
        code="FEFF" if calculated else "",
    )


def _absorber(group: _Group, x: FloatArray, faults: Faults) -> tuple[str | None, str | None]:
    """``bkg_z`` and ``fft_edge``, believed only where that edge lies in the data.

    Athena fills both in by itself, and old versions leave defaults (H, K) or a neighbour's edge.
    """
    z, name = str(group.args.get("bkg_z") or ""), str(group.args.get("fft_edge") or "")
    element, edge = normalise_element(z), normalise_edge(name)
    finite = x[np.isfinite(x)]
    if element is None or finite.size == 0:
        if z:
            faults.warn(f"bkg_z {z!r} is no element: left open")
        return None, None
    low, high = float(finite.min()) - 100, float(finite.max()) + 100
    start = edge_energy(element, edge) if edge else None
    if start is not None and low <= start <= high:
        return element, edge
    at = f" at {start:.1f} eV" if start is not None else ""
    inside = edges_within(low + 100, high - 100, element=element)
    told = f"bkg_z {z}, fft_edge {name}: that edge{at} is not in the data ({low + 100:.0f} to "
    told += f"{high - 100:.0f} eV)"
    if inside:
        faults.warn(f"{told}; the edge is left open, {element} has {', '.join(map(str, inside))}")
        return element, None
    faults.warn(f"{told}, nor is any other of {element}: element and edge are left open")
    return None, None


def _doubt_rivals(spectra: list[RawSpectrum]) -> list[RawSpectrum]:
    """Open the assignments that most groups of the project contradict.

    Athena assigns element and edge by the nearest tabulated edge, so that a chemical shift turns
    V K into La L3 in some groups of a series. Two assignments whose edges lie within 50 eV of each
    other cannot both be meant: the one with fewer groups is left open (both, if even).
    """
    counts = Counter((s.element, s.edge) for s in spectra if s.element and s.edge)
    rivals: dict[tuple[str, str], tuple[str, str]] = {}
    for mine in counts:
        for other in counts:
            if mine == other or not (mine[0] and mine[1] and other[0] and other[1]):
                continue
            here, there = edge_energy(mine[0], mine[1]), edge_energy(other[0], other[1])
            close = here is not None and there is not None and abs(here - there) < 50
            if close and counts[mine] <= counts[other]:
                rivals[(mine[0], mine[1])] = (other[0], other[1])
    opened: list[RawSpectrum] = []
    for one in spectra:
        rival = rivals.get((one.element or "", one.edge or ""))
        if rival is None:
            opened.append(one)
            continue
        text = (
            f"bkg_z {one.element}, fft_edge {one.edge}: {counts[rival]} other groups of this "
            f"project say {' '.join(rival)}, whose edge is close by: element and edge are left open"
        )
        opened.append(replace(one, element=None, edge=None, warnings=(*one.warnings, text)))
    return opened


def _is_reference(group: _Group, label: str) -> bool:
    """Athena calls the reference channel of a scan ``  Ref NAME`` and links the two groups."""
    if str(group.args.get("label") or "").startswith("  Ref "):
        return True
    linked = group.args.get("referencegroup") or group.args.get("reference")
    return label.startswith("Ref ") and str(linked or "0") != "0"


def _other_kind(group: _Group) -> str | None:
    for flag, what in _OTHER_KINDS.items():
        if _flag(group, flag):
            return what
    kind = str(group.args.get("datatype") or group.args.get("recordtype") or "")
    return "chi(k)" if kind.lower().startswith("chi") else None


def _flag(group: _Group, name: str) -> bool:
    return str(group.args.get(name) or "0").strip().lower() in ("1", "true", "yes", "y")


def _label(group: _Group) -> str:
    return str(group.args.get("label") or group.name).strip() or group.name


def _measurement(group: _Group, label: str) -> Measurement:
    args = group.args
    beamline = str(args.get("beamline") or "") or None
    return Measurement(beamline=beamline, sample_name=label)


def _plain(value: Any) -> Any:
    """A value of the arguments as JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
